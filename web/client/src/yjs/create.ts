// client/src/yjs/create.ts: a new text.
import type { Database } from '../database.ts';

export interface TextOptions {
  /** What it begins with. */
  text?: string;
  /** Its type. */
  type?: string;
  /** Id of the object it stands under. */
  parent?: string;
}

/** Makes a text that several people can write in at once; its id, once the vault has it. */
export async function createText(db: Database, { text = '', type = 'text', parent }: TextOptions = {}): Promise<string> {
  const { id } = await db.ask({ do: 'object.add', type, parent, model: 'dx/text/1', operation: { append: text } }).reply;
  return id as string;
}
