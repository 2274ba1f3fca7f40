// client/src/history.ts: what was in a space, asked of the vault (docs/spec/history.md), and the way back.
import type { Value } from '../../core/codec.ts';
import type { Body, Connection } from './connection.ts';
import { Code, DxError } from './errors.ts';
import type { Named } from './filter.ts';
import {
  differenceFrom, pastEntityFrom, pastFrom, pathDifferenceFrom, transactionFrom, undoneFrom, versionFrom,
  type Difference, type Past, type PastEntity, type PathDifference, type Transaction, type Undone, type Version,
} from './past.ts';

export interface PageOptions {
  limit?: number;
  before?: string;
}

/** What is asked of the database. */
export interface HistoryOwner {
  /** What is asked about must be there; what was refused has its own event. */
  flush(): Promise<void>;
  idOf(object: Named): Promise<string>;
}

export class History {
  readonly #connection: Connection;
  readonly #space: string;
  readonly #owner: HistoryOwner;

  constructor(connection: Connection, space: string, owner: HistoryOwner) {
    this.#connection = connection;
    this.#space = space;
    this.#owner = owner;
  }

  async versions(object: Named, options: PageOptions): Promise<Version[]> {
    return (await this.#rows({ do: 'history.list', id: await this.#owner.idOf(object), ...options })).map(versionFrom);
  }

  async transactions(options: PageOptions): Promise<Transaction[]> {
    return (await this.#rows({ do: 'history.list', ...options })).map(transactionFrom);
  }

  async at(object: Named, point: string): Promise<Past | undefined> {
    const id = await this.#owner.idOf(object);
    const found = await this.#connection.request({ do: 'object.get', space: this.#space, id, at: point }).catch((error: unknown) => {
      if (error instanceof DxError && error.code === Code.notFound) return undefined;
      throw error;
    });
    return found === undefined ? undefined : pastFrom(found);
  }

  async answer(query: Value, point: string): Promise<PastEntity[]> {
    return (await this.#rows({ do: 'query', query, at: point })).map(pastEntityFrom);
  }

  async difference(from: string, to?: string): Promise<Difference[]> {
    return (await this.#rows({ do: 'history.diff', from, to })).map(differenceFrom);
  }

  async differenceOf(object: Named, from: string, to?: string): Promise<PathDifference[]> {
    return (await this.#rows({ do: 'history.diff', id: await this.#owner.idOf(object), from, to })).map(pathDifferenceFrom);
  }

  async restore(object: Named, point: string): Promise<void> {
    await this.#connection.request({ do: 'history.restore', space: this.#space, id: await this.#owner.idOf(object), at: point });
  }

  async takeBack(way: 'undo' | 'redo'): Promise<Undone | undefined> {
    await this.#owner.flush();
    return this.#connection.request({ do: way, space: this.#space }).then(undoneFrom, (error: unknown) => {
      if (error instanceof DxError && (error.code === Code.notFound || error.code === Code.gone)) return undefined;
      throw error;
    });
  }

  async #rows(command: Body): Promise<Body[]> {
    await this.#owner.flush();
    return this.#connection.rows({ ...command, space: this.#space });
  }
}
