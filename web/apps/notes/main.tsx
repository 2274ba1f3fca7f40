// apps/notes/main.tsx: puts the page on the vault.
import { start } from '../frame/spaces.tsx';
import { SpacePage } from './app.tsx';

await start(document.getElementById('app'), {
  name: 'Notes', what: 'notes', space: 'notes', why: 'notes are shared between people, and a cursor is somebody\'s',
}, SpacePage);
