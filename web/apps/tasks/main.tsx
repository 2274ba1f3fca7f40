// apps/tasks/main.tsx: puts the page on the vault.
import { start } from '../frame/spaces.tsx';
import { SpacePage } from './app.tsx';

await start(document.getElementById('app'), {
  name: 'Tasks', what: 'lists', space: 'lists', why: 'lists are shared between people, and a task is somebody\'s',
}, SpacePage);
