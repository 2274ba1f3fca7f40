// apps/notes/app.tsx: one space's page: its notes, and one of them. A note is a text (docs/spec/text-model.md) of type `note`, its title the first line:
// `dx text new SPACE --type note` makes one, too. Whether it is written plain or with formatting the address says, or else whether it has any.
import { useEffect } from 'react';
import type { Live, Space } from '../../client/src/index.ts';
import { createText } from '../../client/src/yjs/index.ts';
import { useMembers, useQuery } from '../../react/src/index.ts';
import { Entry, textOf, useSay } from '../frame/parts.tsx';
import { People } from '../frame/people.tsx';
import { goTo, hrefOf } from '../frame/place.ts';
import { Answers, Spaces, type SpacePageProps } from '../frame/spaces.tsx';
import { NotePage } from './note.tsx';

export interface Note { text: string; delta?: unknown }

const TITLE_MAX = 80;

export const titleOf = (note: Live<Note>): string => /\S.*/.exec(textOf(note.text).slice(0, 10 * TITLE_MAX))?.[0].slice(0, TITLE_MAX).trim() ?? '';

/** By their making, as far as ids say it: a list that is sorted by what is being typed would move under one's hands. */
const byId = (a: Live<Note>, b: Live<Note>): number => (a.id < b.id ? -1 : 1);

export function SpacePage({ space, place, others }: SpacePageProps) {
  const notes = useQuery<Note>(space, { type: 'note' }, { sort: byId }), people = useMembers(space), say = useSay();
  const chosen = notes.find(({ id }) => id === place.item), note = chosen ?? notes[0];
  const title = note === undefined ? '' : titleOf(note);
  useEffect(() => {
    document.title = title === '' ? 'Notes' : `${title} · Notes`;
    return () => { document.title = 'Notes'; };
  }, [title]);
  useEffect(() => space.db.refused.subscribe(({ error }) => say(`The vault did not take that: ${error.message}`)), [space, say]);

  const add = (words: string): void => void createText(space.db, { text: `${words}\n`, type: 'note' }).then((id) => goTo(space.key, id), (error: Error) => say(error.message));
  const remove = (gone: Live<Note>): void => {
    space.db.remove(gone);
    say(`“${titleOf(gone) || 'Untitled'}” was deleted`, () => void space.db.add(gone));
    goTo(space.key);
  };
  return (
    <main className={chosen === undefined ? 'page' : 'page at-list'}>
      <h1 className="unseen">{space.name || 'Unnamed space'}</h1>
      <nav aria-label="Notes">
        <Spaces space={space}>{others}</Spaces>
        <Notes space={space} notes={notes} shown={note} />
        <Entry label="New note" action="Add" onEnter={add} />
        <footer>
          <People space={space} people={people} />
          <Answers />
        </footer>
      </nav>
      <section className="shown">
        {note === undefined
          ? <p className="nothing">{notes.loaded ? 'Begin a first note, and it opens here.' : ''}</p>
          : <NotePage key={note.id} space={space} note={note} view={place.view} onRemove={() => remove(note)} />}
      </section>
    </main>
  );
}

function Notes({ space, notes, shown }: { space: Space; notes: readonly Live<Note>[]; shown: Live<Note> | undefined }) {
  return (
    <ul className="lists">
      {notes.map((note) => (
        <li key={note.id}>
          <a href={hrefOf(space.key, note.id)} aria-current={note === shown ? 'page' : undefined}><span dir="auto" className="name">{titleOf(note) || 'Untitled'}</span></a>
        </li>
      ))}
    </ul>
  );
}
