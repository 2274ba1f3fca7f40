// tests/page_client.ts: an app's page with a client of the vault, through fromVault, as the browser tests drive it. ?vault= says where the vault's page is.
import { Client, DxError, fromVault, type Live, type Query, type Space } from '../client/src/index.ts';

interface Mark { n: number; title?: string }

const url = new URLSearchParams(location.search).get('vault') as string;
const WANT = ['identity', 'create', 'all:write'];
const client = new Client({ services: fromVault({ url, name: 'Todo', want: WANT }) });
const state = { begun: false, error: null as string | null, accesses: [] as string[], refused: [] as string[], opening: null as string | null, told: 0, taken: 0 };

client.access.subscribe((access) => state.accesses.push(access), { immediate: true });
document.querySelector('button')?.addEventListener('click', () => {
  client.requestAccess().then(() => { state.opening = null; }, (error: DxError) => { state.opening = `${error.symbol} ${error.remedy}`; });
});
client.initialize().then(() => { state.begun = true; }, (error: Error) => { state.error = error.message; });

const space = (): Space => {
  const [first] = client.spaces.get();
  if (first === undefined) throw new Error('there is no space');
  return first;
};

let query: Query<Mark> | null = null, of: Space | null = null;
/** The numbers of the marks that are there, by a query that stays. */
function marks(): number[] {
  if (of !== space() || query === null) {
    of = space();
    query = of.db.query<Mark>({ type: 'mark' });
    query.subscribe(() => { state.told++; });
    of.db.refused.subscribe(({ error }) => state.refused.push(error.symbol));
  }
  return query.objects.map(({ n }) => n).sort((a, b) => a - b);
}

/** Whether it shows before anything else happens. */
function add(n: number): boolean {
  space().db.add<Mark>({ n }, { type: 'mark' });
  return marks().includes(n);
}

const acknowledged: number[] = [];
let writing = false;
/** One mark after another until stopped. */
async function write(from: number): Promise<void> {
  writing = true;
  for (let n = from; writing; n++) {
    add(n);
    await space().db.flush();
    acknowledged.push(n);
  }
}

async function times(count: number, act: () => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await act();
    found.push(performance.now() - from);
  }
  return found;
}

/** Of requests that read; of an assignment to its acknowledgement; of an assignment alone, which shows at once. */
async function figures(count: number): Promise<{ read: number[]; durable: number[]; shown: number[] }> {
  const one = space().db.add<Mark>({ n: -1, title: '' }, { type: 'figure' }), shown = space().db.query<Mark>({ type: 'figure' }, { sort: (a, b) => a.n - b.n });
  shown.subscribe(() => undefined);
  await space().db.flush();
  const read = await times(count, () => space().db.get(one.id));
  const durable = await times(count, () => {
    one.title += 'x';
    return space().db.flush();
  });
  const at = await times(count, async () => {
    one.n++;
    if (shown.objects[0]?.n !== one.n) throw new Error('it does not show');
    await Promise.resolve();
  });
  await space().db.flush();
  space().db.remove(one);
  shown.close();
  return { read, durable, shown: at };
}

let held: readonly Live<Mark>[] = [];
/** Milliseconds of a query for all objects of a type, from asking to having read a member of each. */
async function load(type: string): Promise<{ ms: number; count: number; sum: number }> {
  const from = performance.now();
  held = await space().db.query<Mark>({ type }).run();
  const sum = held.reduce((all, { n }) => all + n, 0);
  return { ms: performance.now() - from, count: held.length, sum };
}

Object.assign(window, { client, program: {
  state, marks, add, write, acknowledged, figures, load, stop: () => { writing = false; }, flush: () => space().db.flush(), spaces: () => client.spaces.get().map(({ name }) => name),
  look: () => ({ ...state, access: client.access.get(), status: client.status.get(), name: client.halo.identity.get()?.displayName ?? null, spaces: client.spaces.get().length }),
} });
