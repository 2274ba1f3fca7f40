// client/src/past.ts: what was, as the vault answers it (docs/spec/history.md), in a program's values. Points are texts to give back to it.
import type { Value } from '../../core/codec.ts';
import type { Body } from './connection.ts';
import { plain } from './entity.ts';
import type { Data } from './value.ts';

interface Moment {
  /** The point at which it stands: the state there is that just after it. */
  readonly at: string;
  /** By its author's clock; null: no time that could be. */
  readonly time: Date | null;
  /** null: of an epoch that is out of effect by now. */
  readonly device: string | null;
  /** null: a device that is nobody's now. */
  readonly identity: string | null;
  readonly name: string | null;
}

/** One change of an object or link. `begins`: none, but where its history begins in this vault; what came before is in the state at that point. */
export interface Version extends Moment {
  readonly did: 'made' | 'changed' | 'deleted' | 'restored' | 'moved' | 'begins';
  /** Of `begins`: the number of the epoch; by whoever made that. */
  readonly epoch?: number;
  /** By paths: what was set. */
  readonly set: Readonly<Record<string, unknown>>;
  readonly unset: readonly string[];
  /** By paths: what was done inside of lists, sets and numbers (docs/spec/history.md). */
  readonly edits: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  /** Of a move: the id of what it stands under then, null: at the top. */
  readonly parent?: string | null;
}

/** One transaction of a space: of how many objects and links it made, changed, deleted, restored and moved, and the first of them. */
export interface Transaction extends Moment {
  /** It is none, but where history begins in this vault: with the epoch of this number. */
  readonly epoch?: number;
  readonly made: number;
  readonly changed: number;
  readonly deleted: number;
  readonly restored: number;
  readonly moved: number;
  readonly ids: readonly string[];
}

/** An object or link as it was. */
export interface Past {
  readonly data: Readonly<Record<string, unknown>>;
  readonly type: string | null;
  readonly parent: string | null;
  readonly deleted: boolean;
}

/** One of a question's answer at a point: `source` and `target` of a link. */
export interface PastEntity extends Past {
  readonly id: string;
  readonly source?: string;
  readonly target?: string;
}

/** What stood at a path at two points; where nothing did it is not there. `omitted`: the size of one that is too large for a row. */
export interface PathDifference {
  readonly path: string;
  readonly from?: unknown;
  readonly to?: unknown;
  readonly fromOmitted?: number;
  readonly toOmitted?: number;
}

/** What shows otherwise at one point than at another, of one object or link. */
export interface Difference {
  readonly id: string;
  readonly kind: 'object' | 'link';
  readonly type: string | null;
  readonly did: 'made' | 'deleted' | 'restored' | 'changed' | 'moved';
  readonly changes: readonly PathDifference[];
  /** Where it stands somewhere else: under what, null: at the top. */
  readonly parent?: string | null;
  /** The size of changes that are too large for a row. */
  readonly omitted?: number;
}

/** What was taken back: how many objects and links it was about, and of how many something stays because it was written over since. */
export interface Undone {
  readonly at: string;
  readonly time: Date;
  readonly entities: number;
  readonly kept: number;
}

const fieldsOf = (body: Body): Record<string, unknown> => plain(body as unknown as Data as Value) as Record<string, unknown>;

const momentOf = (row: Record<string, unknown>): Moment =>
  ({ at: row['at'] as string, time: (row['time'] ?? null) as Date | null, device: (row['device'] ?? null) as string | null, identity: (row['identity'] ?? null) as string | null, name: (row['name'] ?? null) as string | null });

const epochOf = (row: Record<string, unknown>): { epoch?: number } => ('epoch' in row ? { epoch: Number(row['epoch']) } : {});

export function versionFrom(body: Body): Version {
  const row = fieldsOf(body);
  return {
    ...momentOf(row), did: row['did'] as Version['did'], set: (row['set'] ?? {}) as Version['set'], unset: (row['unset'] ?? []) as string[],
    edits: (row['edits'] ?? {}) as Version['edits'],
    ...('parent' in row ? { parent: row['parent'] as string | null } : {}), ...epochOf(row),
  };
}

export function transactionFrom(body: Body): Transaction {
  const row = fieldsOf(body), count = (name: string): number => Number(row[name] ?? 0);
  return {
    ...momentOf(row), made: count('made'), changed: count('changed'), deleted: count('deleted'), restored: count('restored'), moved: count('moved'),
    ids: (row['ids'] ?? []) as string[], ...epochOf(row),
  };
}

export function pastFrom(body: Body): Past {
  const row = fieldsOf(body);
  return { data: (row['data'] ?? {}) as Past['data'], type: (row['type'] ?? null) as string | null, parent: (row['parent'] ?? null) as string | null, deleted: row['deleted'] === true };
}

export function pastEntityFrom(body: Body): PastEntity {
  const row = fieldsOf(body), end = (name: 'source' | 'target'): object => (name in row ? { [name]: row[name] as string } : {});
  return { ...pastFrom(body), id: row['id'] as string, ...end('source'), ...end('target') };
}

function pathDifferenceOf(row: Record<string, unknown>): PathDifference {
  const omitted = (name: 'from' | 'to'): object => (`${name}_omitted` in row ? { [`${name}Omitted`]: Number(row[`${name}_omitted`]) } : {});
  return {
    path: row['path'] as string, ...('from' in row ? { from: row['from'] } : {}), ...('to' in row ? { to: row['to'] } : {}), ...omitted('from'), ...omitted('to'),
  };
}

export const pathDifferenceFrom = (body: Body): PathDifference => pathDifferenceOf(fieldsOf(body));

export function differenceFrom(body: Body): Difference {
  const row = fieldsOf(body);
  return {
    id: row['id'] as string, kind: row['kind'] as Difference['kind'], type: (row['type'] ?? null) as string | null, did: row['did'] as Difference['did'],
    changes: ((row['changes'] ?? []) as Record<string, unknown>[]).map(pathDifferenceOf),
    ...('parent' in row ? { parent: row['parent'] as string | null } : {}), ...('omitted' in row ? { omitted: Number(row['omitted']) } : {}),
  };
}

export function undoneFrom(body: Body): Undone {
  const row = fieldsOf(body);
  return { at: row['at'] as string, time: row['time'] as Date, entities: Number(row['entities']), kept: Number(row['kept']) };
}
