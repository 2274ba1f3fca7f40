// client/src/filter.ts: which entities a query is about, decided here as the vault decides it (docs/spec/query.md, Filters).
//
// The vault finds; but what this client writes must join and leave its results at once, so the same rules stand here too.
import type { Value } from '../../core/codec.ts';
import { endKey, needEntity, referenceTo, type Entity, type Kind } from './entity.ts';
import { conditionOf, meets } from './condition.ts';
import { parsePath, storeValue, valueAt, type Path } from './value.ts';

/** An id, or an object or link of this client. */
export type Named = string | object;

/** All that is given must hold. */
export interface Filter {
  /** Entities of this type; null: of none. Types that begin with `dx.` are hidden unless named. */
  type?: string | null;
  id?: Named;
  /** Objects with this parent; null: without one. */
  parent?: Named | null;
  source?: Named;
  target?: Named;
  /**
   * `{path: value}`: what has this value at each path, at most 16; or `{path: {operator: value}}`: eq, ne, gt, ge, lt, le, prefix, in, has, exists, all of which
   * hold. A map is compared as `{eq: map}`.
   */
  where?: Readonly<Record<string, unknown>>;
  kind?: Kind | 'any';
  deleted?: 'hide' | 'show' | 'only';
}

const KEYS = new Set(['type', 'id', 'parent', 'source', 'target', 'where', 'kind', 'deleted']);
const WHERE_MAX = 16;
/** How types of the house's own begin. */
export const HIDDEN = 'dx.';

const entityNamed = (named: Named): Entity | string => (typeof named === 'string' ? named : needEntity(named, 'an end of the query'));

export class Matcher {
  readonly #ends: [('parent' | 'source' | 'target'), Entity | string | null][] = [];
  readonly #where: [string, Path, Readonly<Record<string, Value>>][];
  readonly #id: Entity | string | undefined;
  readonly #kind: Kind | 'any';

  constructor(readonly filter: Filter) {
    const unknown = Object.keys(filter).find((key) => !KEYS.has(key));
    if (unknown !== undefined) throw new TypeError(`a live query has no "${unknown}"; db.run() takes every key of docs/spec/query.md`);
    for (const end of ['parent', 'source', 'target'] as const) {
      const named = filter[end];
      if (named !== undefined) this.#ends.push([end, named === null ? null : entityNamed(named)]);
    }
    this.#id = filter.id === undefined ? undefined : entityNamed(filter.id);
    const link = filter.source !== undefined || filter.target !== undefined;
    this.#kind = filter.kind ?? (link ? 'link' : this.#id !== undefined ? 'any' : 'object');
    this.#where = Object.entries(filter.where ?? {})
      .map(([path, value]) => [path, parsePath(path), conditionOf(storeValue(value, (object) => referenceTo(object)?.reference))]);
    if (this.#where.length > WHERE_MAX) throw new TypeError(`"where" takes at most ${WHERE_MAX} paths`);
  }

  matches(entity: Entity): boolean {
    const { type, deleted = 'hide' } = this.filter;
    if (!entity.loaded || entity.refused !== null) return false;
    if (this.#kind !== 'any' && entity.kind !== this.#kind) return false;
    if (type === undefined ? entity.type?.startsWith(HIDDEN) === true : entity.type !== type) return false;
    if (deleted !== 'show' && entity.deleted !== (deleted === 'only')) return false;
    if (this.#id !== undefined && !same(entity, this.#id)) return false;
    if (!this.#ends.every(([end, named]) => sameEnd(entity[end], named))) return false;
    return this.#where.every(([, path, condition]) => meets(valueAt(entity.data, path), condition));
  }

  /** Objects without an id it names: the vault can be asked only when they have one. */
  get unsaved(): Entity[] {
    return [this.#id, ...this.#ends.map(([, named]) => named)].filter((named): named is Entity => typeof named === 'object' && named !== null && named.id === undefined);
  }

  /** The filter as the vault takes it. */
  get wire(): { [key: string]: Value } {
    const wire: { [key: string]: Value } = {};
    const { type, kind, deleted } = this.filter;
    if (type !== undefined) wire['type'] = type;
    if (kind !== undefined) wire['kind'] = kind;
    if (deleted !== undefined) wire['deleted'] = deleted;
    if (this.#id !== undefined) wire['id'] = endKey(this.#id);
    for (const [end, named] of this.#ends) wire[end] = endKey(named);
    if (this.#where.length > 0) wire['where'] = Object.fromEntries(this.#where.map(([path, , condition]) => [path, condition]));
    return wire;
  }
}

const same = (entity: Entity, named: Entity | string): boolean => (typeof named === 'string' ? entity.id === named : entity === named);

const sameEnd = (end: Entity | string | null, named: Entity | string | null): boolean =>
  end === named || (end !== null && named !== null && endKey(end) === endKey(named));
