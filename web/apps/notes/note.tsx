// apps/notes/note.tsx: one note: its document upon the vault's text, in one of two editors, who else is in it, and whether it is kept.
import { useEffect, useRef, useState } from 'react';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import type { Live, Space } from '../../client/src/index.ts';
import { TextProvider } from '../../client/src/yjs/index.ts';
import { useIdentity, useObject } from '../../react/src/index.ts';
import { goTo, hrefOf } from '../frame/place.ts';
import type { Note } from './app.tsx';
import { useKept, useObserved } from './kept.ts';
import { markOf } from './mark.ts';

/** Shows a text in an element, to be edited; gives what takes it away again. */
export type Mount = (parent: HTMLElement, text: Y.Text, awareness: Awareness, mayWrite: boolean) => () => void;

/** Each is fetched when somebody opens a note in it. */
const EDITORS: { readonly [view: string]: () => Promise<Mount> } = {
  plain: async () => (await import('./plain.ts')).mountPlain,
  rich: async () => (await import('./rich.ts')).mountRich,
};

export interface NotePageProps { space: Space; note: Live<Note>; view: string | undefined; onRemove: () => void }

export function NotePage({ space, note, view, onRemove }: NotePageProps) {
  const [provider, setProvider] = useState<TextProvider | null>(null), { id } = note;
  useObject(note);
  const [isRich] = useState(note.delta !== undefined), shown = view ?? (isRich ? 'rich' : 'plain');
  useEffect(() => {
    const begun = new TextProvider(space.db, id, new Y.Doc());
    setProvider(begun);
    return () => {
      setProvider(null);
      begun.destroy();
    };
  }, [space, id]);
  return (
    <article className="note">
      <header>
        <a className="icon back" href={hrefOf(space.key)} aria-label="All notes" />
        <fieldset className="views">
          <legend className="unseen">Written as</legend>
          {['plain', 'rich'].map((name) => (
            <label key={name}><input type="radio" name="view" checked={shown === name} onChange={() => goTo(space.key, id, name)} />{name === 'plain' ? 'Plain' : 'Rich'}</label>
          ))}
        </fieldset>
        {provider !== null && <Others provider={provider} />}
        <button className="icon delete" aria-label="Delete this note" onClick={onRemove} />
      </header>
      {provider !== null && <Editor key={shown} provider={provider} view={shown} />}
      {provider !== null && <Kept space={space} provider={provider} />}
    </article>
  );
}

function Kept({ space, provider }: { space: Space; provider: TextProvider }) {
  const error = useObserved(provider.error), said = useKept(space, provider);
  return (
    <footer className="kept">
      <p role="status" className={error === null ? 'soft' : 'wrong'}>{said}</p>
      {error !== null && <button className="quiet" onClick={() => provider.retry()}>Try again</button>}
    </footer>
  );
}

function Editor({ provider, view }: { provider: TextProvider; view: string }) {
  const element = useRef<HTMLDivElement>(null), isSynced = useObserved(provider.synced), mayWrite = useObserved(provider.mayWrite), me = useIdentity();
  const [doc, setDoc] = useState(provider.doc), [failure, setFailure] = useState<Error | null>(null);
  useEffect(() => provider.renewed.subscribe(setDoc), [provider]);
  useEffect(() => {
    if (me === null) return;
    provider.awareness.setLocalStateField('user', { name: me.displayName || me.identityKey.slice(0, 8), ...markOf(me.identityKey) });
  }, [provider, doc, me]);
  useEffect(() => {
    if (!isSynced) return;
    let unmount: (() => void) | undefined, ended = false;
    const load = EDITORS[view] ?? EDITORS['plain'];
    load?.().then((mount) => { if (!ended && element.current !== null) unmount = mount(element.current, doc.getText('text'), provider.awareness, mayWrite); }).catch(setFailure);
    return () => {
      ended = true;
      unmount?.();
      provider.awareness.setLocalStateField('cursor', null);
    };
  }, [provider, doc, isSynced, mayWrite, view]);
  return failure === null ? <div ref={element} className={`editor ${view}`} /> : <p className="wrong" role="alert">{failure.message}</p>;
}

/** The names of those who have this note open, too. */
function Others({ provider }: { provider: TextProvider }) {
  const [names, setNames] = useState<readonly string[]>([]);
  const { awareness } = provider;
  useEffect(() => {
    const look = (): void => {
      const all = [...awareness.getStates()].filter(([client]) => client !== awareness.clientID).map(([, state]) => String(state['user']?.['name'] ?? ''));
      setNames([...new Set(all)].filter((name) => name !== '').sort());
    };
    look();
    awareness.on('change', look);
    return () => awareness.off('change', look);
  }, [awareness]);
  return <p className="others soft" dir="auto">{names.length > 0 && `with ${names.join(', ')}`}</p>;
}
