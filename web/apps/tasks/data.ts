// apps/tasks/data.ts: what this app keeps in a space. Other programs write there too (`dx object add`), so nothing read is taken for what it should be.
//
//   list      object  {title, order}
//   task      object  {title, done, order}, its parent the list
//   assigned  link    from a task to the object of the member who is to do it (`dx.member`, docs/spec/space.md; a reader has none)
import { useMemo } from 'react';
import type { Live, LiveLink, Member, Space } from '../../client/src/index.ts';
import { useQuery } from '../../react/src/index.ts';
import { byOrder, type Ordered } from './order.ts';

export interface List extends Ordered { title: string }
export interface Task extends Ordered { title: string; done: boolean }
/** That a task is somebody's: the link, and the member's object it leads to. */
export interface Assignment { link: LiveLink; to: Live }

export const useLists = (space: Space): readonly Live<List>[] => useQuery<List>(space, { type: 'list' }, { sort: byOrder });
export const useTasks = (space: Space): readonly Live<Task>[] => useQuery<Task>(space, { type: 'task' }, { sort: byOrder });

/** By task. Two people may choose at the same time; then the first of both holds. */
export function useAssigned(space: Space): ReadonlyMap<Live, Assignment[]> {
  const links = useQuery(space, { type: 'assigned', kind: 'link' }, { sort: (a, b) => (a.id < b.id ? -1 : 1) }) as readonly LiveLink[];
  return useMemo(() => Map.groupBy(links.map((link) => ({ link, to: link.target })), ({ link }) => link.source), [links]);
}

/** Whose object a link leads to. A member with several devices has several; on those besides the newest one has to take the author's word. */
export function assigneeOf(members: readonly Member[], [assignment]: readonly Assignment[] = []): Member | undefined {
  const to = assignment?.to;
  return to && members.find(({ objectId, identityKey }) => objectId === to.id || identityKey === hexOf(to['identity']));
}

const hexOf = (value: unknown): string =>
  (value instanceof Uint8Array ? Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('') : '');
