// apps/tasks/tasks.tsx: the tasks of one list.
import { memo, useCallback, useState, type MouseEvent } from 'react';
import { keyOf, type Live, type Member, type Space } from '../../client/src/index.ts';
import { useIdentity, useObject } from '../../react/src/index.ts';
import { Editable, Entry, Grip, Moved, Mover, textOf, useSay } from '../frame/parts.tsx';
import { Avatar, nameOf } from '../frame/people.tsx';
import { assigneeOf, type Assignment, type List, type Task } from './data.ts';
import { useLong } from './long.ts';
import { orderAfter, useOrder } from './order.ts';

const FILTERS = ['All', 'Open', 'Done', 'Mine'] as const;

interface TasksProps { space: Space; list: Live<List>; tasks: readonly Live<Task>[]; assigned: ReadonlyMap<Live, Assignment[]>; people: readonly Member[] }

export function Tasks({ space, list, tasks, assigned, people }: TasksProps) {
  const say = useSay(), me = useIdentity()?.identityKey;
  const [filter, setFilter] = useState<(typeof FILTERS)[number]>('All');
  const passes = {
    All: () => true,
    Open: (task: Task) => task.done !== true,
    Done: (task: Task) => task.done === true,
    Mine: (task: Live<Task>) => me !== undefined && assigneeOf(people, assigned.get(task))?.identityKey === me,
  };
  const passing = tasks.filter(passes[filter]), { shown, held, move, moved, on } = useOrder(passing);
  const [moving, setMoving] = useState<Live<Task>>();
  const { ref: rows, on: focus, pieces, isLong } = useLong(shown, held, moving), place = moving === undefined ? -1 : passing.indexOf(moving);

  const remove = useCallback((task: Live<Task>, assignments: readonly Assignment[]) => {
    const all = [task, ...assignments.map(({ link }) => link)];
    for (const object of all) space.db.remove(object);
    say(`“${textOf(task.title)}” was deleted`, () => { for (const object of all) space.db.add(object); });
  }, [space, say]);

  const add = (title: string): void => {
    space.db.add<Task>({ title, done: false, order: orderAfter(tasks) }, { type: 'task', parent: list });
    if (filter !== 'Open') setFilter('All'); // in the others it would not be seen
    setTimeout(() => rows.current?.lastElementChild?.scrollIntoView({ block: 'nearest' })); // rendered by then
  };

  const done = tasks.filter(passes.Done).length;
  return (
    <>
      <progress value={done} max={tasks.length || 1} aria-label={`${done} of ${tasks.length} done`} />
      <Entry label="Add a task" action="Add" onEnter={add} />
      {tasks.length > 0 && (
        <fieldset className="filter">
          <legend className="unseen">Show</legend>
          {FILTERS.map((name) => (
            <label key={name}>
              <input type="radio" name="filter" checked={filter === name} onChange={() => setFilter(name)} />
              {name} <span className="count">{tasks.filter(passes[name]).length}</span>
            </label>
          ))}
        </fieldset>
      )}
      <ol className="tasks" aria-label="Tasks" ref={rows} {...on} {...focus}>
        {pieces.map((piece) => (piece.room === undefined
          ? <Row key={keyOf(piece.row)} at={piece.at} of={isLong ? shown.length : 0} space={space} task={piece.row} assignments={assigned.get(piece.row)} people={people} held={piece.row === held} onMove={setMoving} onRemove={remove} />
          : <li key={`room ${piece.at}`} aria-hidden="true" style={{ height: piece.room }} />))}
      </ol>
      {moving !== undefined && place >= 0 && <Mover title={textOf(moving.title)} place={place} count={passing.length} onMove={(to) => move(moving, to)} onClose={() => setMoving(undefined)} />}
      <Moved moved={moved} />
      {shown.length === 0 && <p className="nothing">{tasks.length === 0 ? 'Nothing to do here yet.' : 'None of these.'}</p>}
      {shown.length > 1 && <p className="hint">Alt with ↑ or ↓ moves a task.</p>}
    </>
  );
}

interface RowProps {
  /** Its place, and of how many where they are not all rendered. */
  at: number; of: number;
  space: Space; task: Live<Task>; assignments: readonly Assignment[] | undefined; people: readonly Member[]; held: boolean;
  onMove: (task: Live<Task>) => void;
  onRemove: (task: Live<Task>, assignments: readonly Assignment[]) => void;
}

/** Rendered again when its own task changes, and not when another one does. */
const Row = memo(function Row({ at, of, space, task, assignments = [], people, held, onMove, onRemove }: RowProps) {
  useObject(task);
  const title = textOf(task.title), person = assigneeOf(people, assignments);
  const assign = (key: string): void => {
    for (const { link } of assignments) space.db.remove(link);
    const objectId = people.find(({ identityKey }) => identityKey === key)?.objectId;
    if (objectId) space.db.link(task, objectId, 'assigned');
  };
  const remove = ({ currentTarget, detail }: MouseEvent): void => {
    const row = currentTarget.closest('li'), near = row?.nextElementSibling ?? row?.previousElementSibling;
    if (detail === 0) near?.querySelector<HTMLElement>('.delete')?.focus(); // by keyboard: stay in the list
    onRemove(task, assignments);
  };
  return (
    <li className={held ? 'task held' : 'task'} data-at={at} {...(of > 0 && { 'aria-posinset': at + 1, 'aria-setsize': of })}>
      <Grip title={title} onPress={() => onMove(task)} />
      <input type="checkbox" aria-label={`${title}: done`} checked={task.done === true} onChange={({ target }) => { task.done = target.checked; }} />
      <Editable label="Task" value={title} onKeep={(text) => { task.title = text; }} />
      <label className="assignee">
        <Avatar person={person} />
        <select aria-label={`${title}: who does it`} value={person?.identityKey ?? ''} onChange={({ target }) => assign(target.value)}>
          <option value="">Nobody</option>
          {people.filter(({ objectId }) => objectId !== null).map((one) => <option key={one.identityKey} value={one.identityKey}>{nameOf(one)}</option>)}
        </select>
      </label>
      <button className="icon delete" aria-label={`Delete ${title}`} onClick={remove} />
    </li>
  );
});
