// apps/tasks/app.tsx: the page: a space, its lists, and one of them. What it shows it asks of the vault by the hooks of web/react; it keeps nothing itself.
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { DxError, keyOf, type Live, type Space } from '../../client/src/index.ts';
import { useAccess, useClient, useIdentity, useMay, useMembers, useSpaces, useStatus } from '../../react/src/index.ts';
import { textOf, useAssigned, useLists, useTasks, type List, type Task } from './data.ts';
import { orderAfter, useOrder } from './order.ts';
import { Editable, Entry, Grip, Moved, Mover, SayProvider, useSay } from './parts.tsx';
import { Join, People } from './people.tsx';
import { goTo, hrefOf, rename, usePlace } from './place.ts';
import { Tasks } from './tasks.tsx';

export function App({ vault }: { vault: string }) {
  const access = useAccess(), identity = useIdentity(), spaces = useSpaces(), place = usePlace();
  const [joining, setJoining] = useState(false);
  if (access !== 'ready' || identity === null) return <Connect error={null} known />; // also after the person took back what was granted
  const space = spaces.find(({ key }) => key === place.space) ?? spaces[0];
  const endJoin = (joined: Space | undefined): void => {
    setJoining(false);
    goTo((joined ?? space)?.key ?? '');
  };
  const others = <OtherSpaces vault={vault} onJoin={() => setJoining(true)} />;
  return (
    <SayProvider>
      {space === undefined ? <Welcome name={identity.displayName}>{others}</Welcome> : <SpacePage key={space.key} space={space} at={place.list} others={others} />}
      {(joining || place.join !== undefined) && <Join key={place.join} link={place.join} onEnd={endJoin} />}
    </SayProvider>
  );
}

const WHY = {
  ready: 'Looking for your vault…',
  unknown: 'Your vault does not say who you are. This app needs your name and your key: lists are shared between people, and a task is somebody\'s. Allow it to see who you are, or make your identity there first.',
  needsGrant: 'Your lists live in your own vault; this app keeps nothing itself. It sees what you allow, for as long as you allow it.',
  refused: 'You did not allow it in your vault. You may change your mind.',
  needsAccess: 'Your browser shows your vault to this site only when you ask it to. The vault opens in a window of its own: leave that open while you work here.',
};

/** A page with one thing on it. */
export function Alone({ title = 'Tasks', children }: { title?: ReactNode; children: ReactNode }) {
  return <main className="alone"><h1>{title}</h1>{children}</main>;
}

/** Shown until the vault lets this app in, with the one button that asks it to. known: it has been in, so what is missing is who the person is. */
export function Connect({ error, known = false }: { error: Error | null; known?: boolean }) {
  const client = useClient(), access = useAccess();
  const [refused, setRefused] = useState<Error | null>(null);
  const wrong = error ?? refused, why = access === 'ready' && known ? 'unknown' : access;
  const ask = (): void => {
    if (error !== null) location.reload();
    else client.requestAccess().then(() => setRefused(null), setRefused);
  };
  return (
    <Alone>
      <p>{WHY[why]}</p>
      {wrong !== null && <p className="wrong" role="alert">{wrong instanceof DxError && wrong.symbol === 'E_DENIED' ? 'You did not allow it in your vault.' : wrong.message}</p>}
      {(why !== 'ready' || wrong !== null) && <button className="main" onClick={ask}>{error === null ? 'Connect to your vault' : 'Try again'}</button>}
    </Alone>
  );
}

/** Before there is a space. */
function Welcome({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Alone title={<>Welcome, <span dir="auto">{name}</span></>}>
      <p>A space holds lists and the people you share them with. Make your first one, or join one you were invited to.</p>
      {children}
    </Alone>
  );
}

/** The ways to one more space: make it, join it, or let this app into one that is in the vault already. */
function OtherSpaces({ vault, onJoin }: { vault: string; onJoin: () => void }) {
  const client = useClient(), say = useSay(), mayMake = useMay('create'), mayJoin = useMay('join');
  const ask = (): void => void client.requestAccess().catch((error: Error) => say(error.message));
  const create = (name: string): void => void client.createSpace({ name }).then(({ key }) => goTo(key), (error: Error) => say(error.message));
  return (
    <>
      {mayMake && <Entry label="New space" action="Create" onEnter={create} />}
      {mayJoin && <button className="quiet" onClick={onJoin}>Join with a link</button>}
      {!(mayMake && mayJoin) && <button className="quiet" onClick={ask}>{mayJoin ? 'Allow this app to make spaces' : mayMake ? 'Allow this app to join spaces' : 'Allow this app to make and join spaces'}</button>}
      <a className="quiet" href={`${vault}/#/ask/${encodeURIComponent(location.origin)}`} target="_blank" rel="noopener">Use one you have already</a>
    </>
  );
}

function SpacePage({ space, at, others }: { space: Space; at: string | undefined; others: ReactNode }) {
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

function Spaces({ space, children }: { space: Space; children: ReactNode }) {
  const spaces = useSpaces();
  return (
    <>
      <button className="space" popoverTarget="spaces" dir="auto">{space.name || 'Unnamed space'}</button>
      <div id="spaces" popover="auto">
        <ul>
          {spaces.map((one) => <li key={one.key}><a href={hrefOf(one.key)} dir="auto" aria-current={one === space ? 'true' : undefined}>{one.name || 'Unnamed space'}</a></li>)}
        </ul>
        {children}
      </div>
    </>
  );
}

const ANSWERS = { open: 'Kept in your vault', connecting: 'Looking for your vault', waiting: 'Your vault is away: what you write waits here', closed: 'Closed' };

/** Who one is, and whether the vault answers. */
function Answers() {
  const status = useStatus(), name = useIdentity()?.displayName;
  return <p className={`answers ${status}`}><strong dir="auto">{name}</strong> <span role="status">{ANSWERS[status]}</span></p>;
}
