// client/src/change.ts: changes on their way to the vault: what each is as an op of a batch, and two of them as one.
import type { Value } from '../../core/codec.ts';
import { Entity, type Change } from './entity.ts';
import { editValue, isMap, pathText, withMember, type Data, type Edit, type Path } from './value.ts';

export const makes = ({ op }: Change): boolean => op === 'add' || op === 'link';

/** An op may name an earlier one of its batch by number, its data may not. */
export function waitsForId(change: Change, made: ReadonlyMap<Entity, number>): boolean {
  const { entity } = change;
  return change.needs.some((needed) => needed.id === undefined
    && !(made.has(needed) && (needed === change.to || needed === entity.baseParent || needed === entity.source || needed === entity.target) && !refers(change.value, needed)));
}

function refers(value: Value | undefined, entity: Entity): boolean {
  if (entity.isReference(value)) return true;
  if (Array.isArray(value)) return (value as readonly Value[]).some((item) => refers(item, entity));
  return isMap(value) && Object.values(value).some((item) => refers(item, entity));
}

export function opOf(change: Change, made: ReadonlyMap<Entity, number>): Value {
  const { entity, op, path, value } = change;
  const name = (end: Entity | string | null): Value => (end instanceof Entity ? end.id ?? made.get(end) ?? null : end);
  const type = entity.type === null ? {} : { type: entity.type };
  switch (op) {
    case 'add': return { op, ...type, ...(entity.baseParent === null ? {} : { parent: name(entity.baseParent) }), data: value as Data };
    case 'link': return { op, ...type, source: name(entity.source), target: name(entity.target), data: value as Data };
    case 'set': return { op, id: name(entity), set: { [pathText(path)]: value as Value } };
    case 'unset': return { op, id: name(entity), unset: [pathText(path)] };
    case 'move': return { op, id: name(entity), parent: name(change.to ?? null) };
    case 'edit': {
      const { kind, at, was } = change.edit as Edit;
      return { op, id: name(entity), key: pathText(path), [kind]: value as Value, ...(at === undefined ? {} : { at }), ...(was === undefined ? {} : { was }) };
    }
    default: return { op, id: name(entity) };
  }
}

/** What two edits at one path, one behind the other, are as one; undefined: they are two. */
export function joinEdits({ edit: first, value: before }: Change, { kind, at }: Edit, value: Value): Value | undefined {
  if (first?.kind !== kind) return undefined;
  switch (kind) {
    case 'increment': return editValue(before, { kind }, value);
    case 'push': case 'include': case 'exclude': return [...before as Value[], ...value as Value[]];
    case 'replace': return first.at === at ? value : undefined; // the same item, so what it was before both counts
    default: return undefined;
  }
}

export function listPlace(list: readonly Value[], key: string): number | 'length' {
  if (key === 'length') return key;
  const at = Number(key);
  if (!/^\d+$/.test(key) || at > list.length) throw new TypeError(`a list has no place "${key}"`);
  return at;
}

/** A copy of a list within a list with one assignment inside it carried out; the list itself when nothing changes. */
function changeList(list: readonly Value[], path: Path, value: unknown, stored: Value): readonly Value[] {
  const [key, ...rest] = path as [string, ...string[]], at = listPlace(list, key);
  if (at === 'length') return value === list.length ? list : list.slice(0, Number(value));
  const copy = [...list];
  if (rest.length > 0) copy[at] = changeIn(copy[at] as Value, rest, value, stored);
  else if (value !== undefined) copy[at] = stored;
  else if (at === list.length - 1) copy.pop();
  else throw new TypeError('a list cannot have holes: use splice');
  return copy;
}

export function changeIn(inner: Value, path: Path, value: unknown, stored: Value): Value {
  if (Array.isArray(inner)) return changeList(inner as readonly Value[], path, value, stored);
  const [key, ...rest] = path as [string, ...string[]];
  const map = isMap(inner) ? inner : {}, before = Object.hasOwn(map, key) ? map[key] : undefined;
  const member = rest.length > 0 ? changeIn(before ?? {}, rest, value, stored) : value === undefined ? undefined : stored;
  return withMember(map, key, member);
}
