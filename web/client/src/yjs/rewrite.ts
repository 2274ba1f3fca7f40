// client/src/yjs/rewrite.ts: what one document has and another lacks, written into that as its own: the same insertions, formats and deletes at the same
// places, under the client id of who writes them now. For what a vault could not keep because its session was another feed's.
import * as Y from 'yjs';

type Type = Y.AbstractType<any>;
type RootType = new () => Type;

const copied = (value: unknown): any => (value instanceof Y.AbstractType ? value.clone() : value);

/** An untyped root, of which nobody said yet what it is, is read as a text. */
const typeOf = (root: Type): RootType => (root.constructor === Y.AbstractType ? Y.Text : root.constructor) as RootType;

function follow(root: Type, path: readonly (string | number)[]): Type {
  return path.reduce<any>((type, step) => type.get(step), root) as Type;
}

function repeatMembers({ changes, target }: Y.YEvent<any>, copy: Type): void {
  for (const [key, { action }] of changes.keys) {
    if (copy instanceof Y.Map) {
      if (action === 'delete') copy.delete(key);
      else copy.set(key, copied(target.get(key)));
    } else if (copy instanceof Y.XmlElement || copy instanceof Y.XmlText) {
      if (action === 'delete') copy.removeAttribute(key);
      else copy.setAttribute(key, target.getAttribute(key));
    }
  }
}

function repeatItems({ delta }: Y.YEvent<any>, copy: Y.Array<unknown> | Y.XmlFragment): void {
  let at = 0;
  for (const { retain, insert, delete: gone } of delta) {
    at += retain ?? 0;
    if (gone !== undefined) copy.delete(at, gone);
    if (!Array.isArray(insert)) continue;
    copy.insert(at, insert.map(copied));
    at += insert.length;
  }
}

function repeat(event: Y.YEvent<any>, root: Type): void {
  const copy = follow(root, event.path);
  if (copy instanceof Y.Text) copy.applyDelta(event.delta.map((step) => ('insert' in step ? { ...step, insert: copied(step.insert) } : step)));
  else if (copy instanceof Y.Array || copy instanceof Y.XmlFragment) repeatItems(event, copy);
  repeatMembers(event, copy);
}

/**
 * Writes into `copy`, which shows what `state` (an update) shows, what `update` adds to that. `like` has the same roots by their types.
 * False: the update names what the state lacks; then nothing was written.
 */
export function rewrite(copy: Y.Doc, state: Uint8Array, update: Uint8Array, like: Y.Doc): boolean {
  const before = new Y.Doc();
  for (const [name, root] of like.share) for (const doc of [before, copy]) doc.get(name, typeOf(root));
  Y.applyUpdateV2(before, state);
  const changed: { name: string; events: Y.YEvent<any>[] }[] = [];
  for (const [name, root] of before.share) {
    root.observeDeep((events) => { // those of a parent before those within it
      for (const event of events) void [event.path, event.changes, event.delta]; // later they are not to be had
      changed.push({ name, events });
    });
  }
  Y.applyUpdateV2(before, update);
  const isWhole = before.store.pendingStructs === null && before.store.pendingDs === null;
  if (isWhole) copy.transact(() => { for (const { name, events } of changed) for (const event of events) repeat(event, copy.get(name)); });
  before.destroy();
  return isWhole;
}
