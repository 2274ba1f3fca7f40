// client/src/condition.ts: what a live query's `where` says of the value at a path, decided here as the vault decides it (docs/spec/query.md, Conditions on a path).
import { Double, Reference, Timestamp, type Value } from '../../core/codec.ts';
import { equalValues, isMap } from './value.ts';

type Test = (value: Value | undefined, against: Value) => boolean;

const numberOf = (value: Value): number | bigint | undefined =>
  value instanceof Double ? value.value : typeof value === 'number' || typeof value === 'bigint' ? value : undefined;

/** Integers and doubles alike, exactly; NaN is itself. */
function equal(a: Value, b: Value): boolean {
  const x = numberOf(a), y = numberOf(b);
  // == between number and bigint compares what they are, and rounds neither.
  return x === undefined || y === undefined ? equalValues(a, b) : x == y || (x !== x && y !== y);
}

const utf8 = new TextEncoder();
/** What is compared by its bytes, and its class with it; a time without its Z stands as it comes. */
function bytesOf(value: Value): [string, Uint8Array] | undefined {
  if (typeof value === 'string') return ['text', utf8.encode(value)];
  if (value instanceof Uint8Array) return ['bytes', value];
  if (value instanceof Timestamp) return ['time', utf8.encode(value.text.replace('Z', ''))];
  return value instanceof Reference ? ['reference', value.bytes] : undefined;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

/** undefined: of different classes, or of one that has no order. */
function compare(a: Value, b: Value): number | undefined {
  const x = numberOf(a), y = numberOf(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : equal(a, b) && x === x ? 0 : undefined;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  const [first, left] = bytesOf(a) ?? [], [second, right] = bytesOf(b) ?? [];
  return left !== undefined && right !== undefined && first === second ? compareBytes(left, right) : undefined;
}

const ordered = (holds: (order: number) => boolean): Test => (value, against) => {
  const order = value === undefined ? undefined : compare(value, against);
  return order !== undefined && holds(order);
};

const OPERATORS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['eq', (value, against) => value !== undefined && equal(value, against)],
  ['ne', (value, against) => value !== undefined && !equal(value, against)],
  ['gt', ordered((order) => order > 0)], ['ge', ordered((order) => order >= 0)], ['lt', ordered((order) => order < 0)], ['le', ordered((order) => order <= 0)],
  ['prefix', (value, against) => {
    const [first, whole] = bytesOf(value ?? null) ?? [], [second, start] = bytesOf(against) ?? [];
    return whole !== undefined && start !== undefined && first === second && compareBytes(whole.subarray(0, start.length), start) === 0;
  }],
  ['in', (value, against) => value !== undefined && (against as readonly Value[]).some((one) => equal(value, one))],
  ['has', (value, against) => Array.isArray(value) && (value as readonly Value[]).some((one) => equal(one, against))],
  ['exists', (value, against) => (value !== undefined) === against],
]);

/** What was written as a condition, as the vault takes it: a value that is no map is one to be equal to. */
export function conditionOf(stored: Value): Readonly<Record<string, Value>> {
  const condition = isMap(stored) ? stored as Readonly<Record<string, Value>> : { eq: stored };
  const unknown = Object.keys(condition).find((name) => !OPERATORS.has(name));
  if (unknown !== undefined) throw new TypeError(`"where" has no operator "${unknown}" (${[...OPERATORS.keys()].join(', ')}); a map is compared as {eq: map}`);
  if ('in' in condition && !Array.isArray(condition['in'])) throw new TypeError('"in" takes an array');
  return condition;
}

export const meets = (value: Value | undefined, condition: Readonly<Record<string, Value>>): boolean =>
  Object.entries(condition).every(([name, against]) => (OPERATORS.get(name) as Test)(value, against));
