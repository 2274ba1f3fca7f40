// apps/tasks/app.tsx: one space's page: its lists, and one of them. What it shows it asks of the vault by the hooks of web/react; it keeps nothing itself.
import { useEffect, useMemo, useState } from 'react';
import { keyOf, type Live, type Space } from '../../client/src/index.ts';
import { useMembers } from '../../react/src/index.ts';
import { Editable, Entry, Grip, Moved, Mover, textOf, useSay } from '../frame/parts.tsx';
import { People } from '../frame/people.tsx';
import { goTo, hrefOf, rename } from '../frame/place.ts';
import { Answers, Spaces, type SpacePageProps } from '../frame/spaces.tsx';
import { useAssigned, useLists, useTasks, type List, type Task } from './data.ts';
import { orderAfter, useOrder } from './order.ts';
import { Tasks } from './tasks.tsx';

export function SpacePage({ space, place: { item: at }, others }: SpacePageProps) {
  const lists = useLists(space), tasks = useTasks(space), assigned = useAssigned(space), people = useMembers(space), say = useSay();
  const chosen = lists.find((list) => list.id === at || keyOf(list) === at), list = chosen ?? lists[0];
  const tasksOf = useMemo(() => Map.groupBy(tasks, (task): Live | undefined => task.parent), [tasks]);

  useEffect(() => space.db.refused.subscribe(({ error }) => say(`The vault did not take that: ${error.message}`)), [space, say]);
  useEffect(() => { if (chosen !== undefined && chosen.id !== at) rename(space.key, chosen.id); }); // a new list has its id when the vault has it
  useEffect(() => {
    document.title = list === undefined ? 'Tasks' : `${textOf(list.title)} · Tasks`;
    return () => { document.title = 'Tasks'; };
  });

  const remove = (gone: Live<List>): void => {
    space.db.remove(gone);
    say(`“${textOf(gone.title)}” was deleted`, () => void space.db.add(gone));
    goTo(space.key);
  };
  return (
    <main className={chosen === undefined ? 'page' : 'page at-list'}>
      <h1 className="unseen">{space.name || 'Unnamed space'}</h1>
      <nav aria-label="Lists">
        <Spaces space={space}>{others}</Spaces>
        <Lists space={space} lists={lists} tasksOf={tasksOf} shown={list} />
        <footer>
          <People space={space} people={people} />
          <Answers />
        </footer>
      </nav>
      <section className="shown">
        {list === undefined
          ? <p className="nothing">Name a first list, and it opens here.</p>
          : (
            <article key={keyOf(list)}>
              <header>
                <a className="icon back" href={hrefOf(space.key)} aria-label="All lists" />
                <h2 className="unseen">{textOf(list.title)}</h2>
                <Editable label="Name of the list" value={textOf(list.title)} onKeep={(title) => { list.title = title; }} />
                <button className="icon delete" aria-label="Delete this list" onClick={() => remove(list)} />
              </header>
              <Tasks space={space} list={list} tasks={tasksOf.get(list) ?? []} assigned={assigned} people={people} />
            </article>
          )}
      </section>
    </main>
  );
}

interface ListsProps { space: Space; lists: readonly Live<List>[]; tasksOf: ReadonlyMap<Live | undefined, readonly Live<Task>[]>; shown: Live<List> | undefined }

function Lists({ space, lists, tasksOf, shown: current }: ListsProps) {
  const { shown, held, move, moved, on } = useOrder(lists);
  const [moving, setMoving] = useState<Live<List>>(), place = moving === undefined ? -1 : lists.indexOf(moving);
  const add = (title: string): void => {
    const list = space.db.add<List>({ title, order: orderAfter(lists) }, { type: 'list' });
    goTo(space.key, list.id);
  };
  return (
    <>
      <ol className="lists" {...on}>
        {shown.map((list, at) => {
          const open = tasksOf.get(list)?.filter(({ done }) => done !== true).length ?? 0;
          return (
            <li key={keyOf(list)} data-at={at} className={list === held ? 'held' : undefined}>
              <Grip title={textOf(list.title) || 'Untitled'} onPress={() => setMoving(list)} />
              <a href={hrefOf(space.key, list.id)} draggable={false} aria-current={list === current ? 'page' : undefined}>
                <span dir="auto" className="name">{textOf(list.title) || 'Untitled'}</span>
                {open > 0 && <span className="count">{open}<span className="unseen"> open</span></span>}
              </a>
            </li>
          );
        })}
      </ol>
      <Moved moved={moved} />
      {moving !== undefined && place >= 0 && <Mover title={textOf(moving.title)} place={place} count={lists.length} onMove={(to) => move(moving, to)} onClose={() => setMoving(undefined)} />}
      <Entry label="New list" action="Add" onEnter={add} />
    </>
  );
}
