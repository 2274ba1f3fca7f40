// apps/tasks/data.ts: what this app keeps in a space. Other programs write there too (`dx object add`), so nothing read is taken for what it should be.
//
//   list      object  {title, order}
//   task      object  {title, done, order}, its parent the list
//   assigned  link    from a task to the `dx.member` object of who is to do it, which every member who may write has in the space (docs/spec/space.md)
import { useMemo } from 'react';
import type { Live, LiveLink, Member, Space } from '../../client/src/index.ts';
import { useMembers, useQuery } from '../../react/src/index.ts';
import { byOrder, type Ordered } from './order.ts';

export interface List extends Ordered { title: string }
export interface Task extends Ordered { title: string; done: boolean }
/** A member, and the object that stands for them; a reader has none. */
export interface Person extends Member { object: Live | undefined }

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const hexOf = (value: unknown): string =>
  (value instanceof Uint8Array ? Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('') : '');

export const useLists = (space: Space): readonly Live<List>[] => useQuery<List>(space, { type: 'list' }, { sort: byOrder });
export const useTasks = (space: Space): readonly Live<Task>[] => useQuery<Task>(space, { type: 'task' }, { sort: byOrder });

/** The links by which a task is assigned: one, or more after two people chose at the same time; the first one holds. */
export function useAssigned(space: Space): ReadonlyMap<Live, LiveLink[]> {
  const links = useQuery(space, { type: 'assigned', kind: 'link' }, { sort: (a, b) => (a.id < b.id ? -1 : 1) }) as readonly LiveLink[];
  return useMemo(() => {
    const byTask = new Map<Live, LiveLink[]>();
    for (const link of links) byTask.set(link.source, [...byTask.get(link.source) ?? [], link]);
    return byTask;
  }, [links]);
}

/** The members of a space with their objects. Names and roles are the members', which are proven; what stands in an object anybody may have written. */
export function usePeople(space: Space): readonly Person[] {
  const members = useMembers(space), objects = useQuery(space, { type: 'dx.member' });
  return useMemo(() => members.map((member) => ({ ...member, object: objects.find(({ identity }) => hexOf(identity) === member.identityKey) })), [members, objects]);
}

/** Whom a link leads to. */
export const personAt = (people: readonly Person[], link: LiveLink | undefined): Person | undefined => {
  const key = hexOf(link?.target?.['identity']);
  return people.find(({ identityKey }) => identityKey === key);
};
