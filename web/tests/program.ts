// tests/program.ts: the least that speaks to a vault over a port: requests by id, credits, and everything unanswered asked again on a new port.
// The client package does this and more; this one keeps the browser tests of core/ free of it.
import { decode, encode, type Value } from '../core/codec.ts';
import { decodeFrame, encodeCredit, encodeFrame, FrameKind } from '../core/frames.ts';

export type Answer = { [key: string]: Value };

interface Open {
  request: Uint8Array;
  body: Uint8Array;
  notify: (body: Answer) => void;
  resolve: (body: Answer) => void;
}

const nameOf = (request: Uint8Array): string => request.join();

export class Program {
  #port: MessagePort | null = null;
  readonly #open = new Map<string, Open>();
  /** Ports taken so far: one more for each leader. */
  ports = 0;

  take(port: MessagePort): void {
    this.#port?.close();
    this.#port = port;
    this.ports++;
    port.onmessage = ({ data }) => this.#hear(data);
    for (const { request, body } of this.#open.values()) this.#send(request, body);
  }

  ask(command: Value, notify: (body: Answer) => void = () => undefined, request = crypto.getRandomValues(new Uint8Array(16))): Promise<Answer> {
    const body = encode(command);
    const answer = new Promise<Answer>((resolve) => this.#open.set(nameOf(request), { request, body, notify, resolve }));
    this.#send(request, body);
    return answer;
  }

  async rows(command: Value): Promise<Answer[]> {
    const rows: Answer[] = [];
    const end = await this.ask(command, (body) => { rows.push(...(body['rows'] as Answer[] | undefined ?? [])); });
    if (end['error']) throw new Error(JSON.stringify(end['error']));
    return rows;
  }

  #send(request: Uint8Array, body: Uint8Array): void {
    const frame = encodeFrame(FrameKind.request, request, body);
    this.#port?.postMessage(frame, [frame]);
  }

  #hear(data: unknown): void {
    const frame = decodeFrame(data);
    if (frame.kind === FrameKind.credit) throw new Error('a vault gives no credit');
    const open = this.#open.get(nameOf(frame.request)), body = decode(frame.body) as Answer;
    this.#port?.postMessage(encodeCredit(frame.request, frame.body.length));
    if (frame.kind === FrameKind.notify) {
      open?.notify(body);
    } else {
      this.#open.delete(nameOf(frame.request));
      open?.resolve(body);
    }
  }
}
