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
export interface Condition {
  /** Entities of this type; null: of none. Types that begin with `dx.` are hidden unless a filter names them, outside of `and`, `or` and `not`. */
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
  /** All of these hold, any of them, this one does not. */
  and?: readonly Condition[];
  or?: readonly Condition[];
  not?: Condition;
}

/** Which entities a query is about. */
export interface Filter extends Condition {
  kind?: Kind | 'any';
  deleted?: 'hide' | 'show' | 'only';
}

const CONDITION_KEYS = ['type', 'id', 'parent', 'source', 'target', 'where', 'and', 'or', 'not'];
const FILTER_KEYS = [...CONDITION_KEYS, 'kind', 'deleted'];
const WHERE_MAX = 16, BRANCHES_MAX = 64, NESTING_MAX = 8;
/** How types of the house's own begin. */
export const HIDDEN = 'dx.';

const entityNamed = (named: Named): Entity | string => (typeof named === 'string' ? named : needEntity(named, 'an end of the query'));

function refuseOthers(given: object, keys: readonly string[]): void {
  const unknown = Object.keys(given).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new TypeError(`a live query has no "${unknown}" there; db.run() takes every key of docs/spec/query.md`);
}

type Wire = { [key: string]: Value };

/** What `and`, `or` and `not` are made of, and what a filter says beside its kind and what is deleted. */
class Clause {
  readonly ends: [('parent' | 'source' | 'target'), Entity | string | null][] = [];
  readonly id: Entity | string | undefined;
  readonly #where: [string, Path, Readonly<Record<string, Value>>][];
  readonly #branches: ['and' | 'or', Clause[]][] = [];
  readonly #not: Clause | null;

  constructor(readonly condition: Condition, nesting = 0) {
    for (const end of ['parent', 'source', 'target'] as const) {
      const named = condition[end];
      if (named !== undefined) this.ends.push([end, named === null ? null : entityNamed(named)]);
    }
    this.id = condition.id === undefined ? undefined : entityNamed(condition.id);
    this.#where = Object.entries(condition.where ?? {})
      .map(([path, value]) => [path, parsePath(path), conditionOf(storeValue(value, (object) => referenceTo(object)?.reference))]);
    if (this.#where.length > WHERE_MAX) throw new TypeError(`"where" takes at most ${WHERE_MAX} paths`);
    if (nesting > NESTING_MAX) throw new TypeError(`conditions are nested at most ${NESTING_MAX} deep`);
    const inner = (one: Condition): Clause => {
      refuseOthers(one, CONDITION_KEYS);
      return new Clause(one, nesting + 1);
    };
    for (const way of ['and', 'or'] as const) {
      const all = condition[way];
      if (all === undefined) continue;
      if (all.length === 0 || all.length > BRANCHES_MAX) throw new TypeError(`"${way}" takes 1 to ${BRANCHES_MAX} conditions`);
      this.#branches.push([way, all.map(inner)]);
    }
    this.#not = condition.not === undefined ? null : inner(condition.not);
  }

  /** All but the type. */
  holds(entity: Entity): boolean {
    return (this.id === undefined || same(entity, this.id)) && this.ends.every(([end, named]) => sameEnd(entity[end], named))
      && this.#where.every(([, path, condition]) => meets(valueAt(entity.data, path), condition))
      && this.#branches.every(([way, clauses]) => (way === 'and' ? clauses.every((one) => one.meets(entity)) : clauses.some((one) => one.meets(entity))))
      && this.#not?.meets(entity) !== true;
  }

  meets(entity: Entity): boolean {
    const { type, parent } = this.condition;
    return (type === undefined || entity.type === type) && (parent === undefined || entity.kind === 'object') && this.holds(entity);
  }

  get named(): (Entity | string | null | undefined)[] {
    const inner = [...this.#branches.flatMap(([, clauses]) => clauses), ...this.#not === null ? [] : [this.#not]];
    return [this.id, ...this.ends.map(([, named]) => named), ...inner.flatMap((clause) => clause.named)];
  }

  get wire(): Wire {
    const wire: Wire = {};
    if (this.condition.type !== undefined) wire['type'] = this.condition.type;
    if (this.id !== undefined) wire['id'] = endKey(this.id);
    for (const [end, named] of this.ends) wire[end] = endKey(named);
    if (this.#where.length > 0) wire['where'] = Object.fromEntries(this.#where.map(([path, , condition]) => [path, condition]));
    for (const [way, clauses] of this.#branches) wire[way] = clauses.map((clause) => clause.wire);
    if (this.#not !== null) wire['not'] = this.#not.wire;
    return wire;
  }
}

export class Matcher {
  readonly #clause: Clause;
  readonly #kind: Kind | 'any';

  constructor(readonly filter: Filter) {
    refuseOthers(filter, FILTER_KEYS);
    this.#clause = new Clause(filter);
    const link = filter.source !== undefined || filter.target !== undefined;
    this.#kind = filter.kind ?? (link ? 'link' : filter.id !== undefined ? 'any' : 'object');
  }

  matches(entity: Entity): boolean {
    const { type, deleted = 'hide' } = this.filter;
    if (!entity.loaded || entity.refused !== null) return false;
    if (this.#kind !== 'any' && entity.kind !== this.#kind) return false;
    if (type === undefined ? entity.type?.startsWith(HIDDEN) === true : entity.type !== type) return false;
    if (deleted !== 'show' && entity.deleted !== (deleted === 'only')) return false;
    return this.#clause.holds(entity);
  }

  /** Objects without an id it names: the vault can be asked only when they have one. */
  get unsaved(): Entity[] {
    return this.#clause.named.filter((named): named is Entity => typeof named === 'object' && named !== null && named.id === undefined);
  }

  /** The filter as the vault takes it. */
  get wire(): Wire {
    const { kind, deleted } = this.filter;
    return { ...this.#clause.wire, ...(kind === undefined ? {} : { kind }), ...(deleted === undefined ? {} : { deleted }) };
  }
}

const same = (entity: Entity, named: Entity | string): boolean => (typeof named === 'string' ? entity.id === named : entity === named);

const sameEnd = (end: Entity | string | null, named: Entity | string | null): boolean =>
  end === named || (end !== null && named !== null && endKey(end) === endKey(named));
