// apps/frame/spaces.tsx: what stands around an app: the way into the vault, the first space and the others, and whether the vault answers.
import { useState, type ComponentType, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { DxError, fromVault, type Space } from '../../client/src/index.ts';
import { ClientProvider, useAccess, useClient, useIdentity, useMay, useSpaces, useStatus } from '../../react/src/index.ts';
import { Entry, SayProvider, useSay } from './parts.tsx';
import { Join } from './people.tsx';
import { goTo, hrefOf, usePlace, type Place } from './place.ts';

/** What an app is called, and the words in which it asks. */
export interface Words {
  name: string;
  /** Why it wants to know who the person is. */
  why: string;
  /** What lives in the vault. */
  what: string;
  /** What a space is for. */
  space: string;
}

export interface SpacePageProps { space: Space; place: Place; others: ReactNode }

/** Finds the vault and puts the app on it. */
export async function start(element: Element | null, words: Words, page: ComponentType<SpacePageProps>): Promise<void> {
  // Keeps this page, and the answer below, for when their kube is stopped: the vault does not need it.
  void navigator.serviceWorker?.register('/sw.js').catch(() => undefined);
  // Where the vault is says the host this page came from (docs/spec/kube.md). Any origin may host one.
  const { vault } = await fetch('/.well-known/dx/config').then((answer) => answer.json()).catch(() => ({})) as { vault?: string };
  createRoot(element as Element).render(vault
    ? (
      <ClientProvider
        services={() => fromVault({ url: `${vault}/`, name: words.name, want: ['identity', 'create', 'join'] })}
        fallback={(client, error) => client && <Connect words={words} error={error} />}
      >
        <App vault={vault} words={words} page={page} />
      </ClientProvider>
    )
    : <Alone title={words.name}><p className="wrong" role="alert">The host of this page does not say where your vault is.</p></Alone>);
}

function App({ vault, words, page: Page }: { vault: string; words: Words; page: ComponentType<SpacePageProps> }) {
  const access = useAccess(), identity = useIdentity(), spaces = useSpaces(), place = usePlace();
  const [joining, setJoining] = useState(false);
  if (access !== 'ready' || identity === null) return <Connect words={words} error={null} known />; // also after the person took back what was granted
  const space = spaces.find(({ key }) => key === place.space) ?? spaces[0];
  const endJoin = (joined: Space | undefined): void => {
    setJoining(false);
    goTo((joined ?? space)?.key ?? '');
  };
  const others = <OtherSpaces vault={vault} onJoin={() => setJoining(true)} />;
  return (
    <SayProvider>
      {space === undefined ? <Welcome words={words} name={identity.displayName}>{others}</Welcome> : <Page key={space.key} space={space} place={place} others={others} />}
      {(joining || place.join !== undefined) && <Join key={place.join} link={place.join} onEnd={endJoin} />}
    </SayProvider>
  );
}

const WHY = {
  ready: () => 'Looking for your vault…',
  unknown: ({ why }: Words) => `Your vault does not say who you are. This app needs your name and your key: ${why}. Allow it to see who you are, or make your identity there first.`,
  needsGrant: ({ what }: Words) => `Your ${what} live in your own vault; this app keeps nothing itself. It sees what you allow, for as long as you allow it.`,
  refused: () => 'You did not allow it in your vault. You may change your mind.',
  needsAccess: () => 'Your browser shows your vault to this site only when you ask it to. The vault opens in a window of its own: leave that open while you work here.',
};

/** A page with one thing on it. */
function Alone({ title, children }: { title: ReactNode; children: ReactNode }) {
  return <main className="alone"><h1>{title}</h1>{children}</main>;
}

/** Shown until the vault lets this app in, with the one button that asks it to. known: it has been in, so what is missing is who the person is. */
function Connect({ words, error, known = false }: { words: Words; error: Error | null; known?: boolean }) {
  const client = useClient(), access = useAccess();
  const [refused, setRefused] = useState<Error | null>(null);
  const wrong = error ?? refused, why = access === 'ready' && known ? 'unknown' : access;
  const ask = (): void => {
    if (error !== null) location.reload();
    else client.requestAccess().then(() => setRefused(null), setRefused);
  };
  return (
    <Alone title={words.name}>
      <p>{WHY[why](words)}</p>
      {wrong !== null && <p className="wrong" role="alert">{wrong instanceof DxError && wrong.symbol === 'E_DENIED' ? 'You did not allow it in your vault.' : wrong.message}</p>}
      {(why !== 'ready' || wrong !== null) && <button className="main" onClick={ask}>{error === null ? 'Connect to your vault' : 'Try again'}</button>}
    </Alone>
  );
}

/** Before there is a space. */
function Welcome({ words, name, children }: { words: Words; name: string; children: ReactNode }) {
  return (
    <Alone title={<>Welcome, <span dir="auto">{name}</span></>}>
      <p>A space holds {words.space} and the people you share them with. Make your first one, or join one you were invited to.</p>
      {children}
    </Alone>
  );
}

/** The ways to one more space: make it, join it, or let this app into one that is in the vault already. */
function OtherSpaces({ vault, onJoin }: { vault: string; onJoin: () => void }) {
  const client = useClient(), say = useSay(), mayMake = useMay('create'), mayJoin = useMay('join');
  const ask = (): void => void client.requestAccess().catch((error: Error) => say(error.message));
  const create = (name: string): void => void client.createSpace({ name }).then(({ key }) => goTo(key), (error: Error) => say(error.message));
  return (
    <>
      {mayMake && <Entry label="New space" action="Create" onEnter={create} />}
      {mayJoin && <button className="quiet" onClick={onJoin}>Join with a link</button>}
      {!(mayMake && mayJoin) && <button className="quiet" onClick={ask}>{mayJoin ? 'Allow this app to make spaces' : mayMake ? 'Allow this app to join spaces' : 'Allow this app to make and join spaces'}</button>}
      <a className="quiet" href={`${vault}/#/ask/${encodeURIComponent(location.origin)}`} target="_blank" rel="noopener">Use one you have already</a>
    </>
  );
}

/** The space's name, which opens the others. */
export function Spaces({ space, children }: { space: Space; children: ReactNode }) {
  const spaces = useSpaces();
  return (
    <>
      <button className="space" popoverTarget="spaces" dir="auto">{space.name || 'Unnamed space'}</button>
      <div id="spaces" popover="auto">
        <ul>
          {spaces.map((one) => <li key={one.key}><a href={hrefOf(one.key)} dir="auto" aria-current={one === space ? 'true' : undefined}>{one.name || 'Unnamed space'}</a></li>)}
        </ul>
        {children}
      </div>
    </>
  );
}

const ANSWERS = { open: 'Kept in your vault', connecting: 'Looking for your vault', waiting: 'Your vault is away: what you write waits here', closed: 'Closed' };

/** Who one is, and whether the vault answers. */
export function Answers() {
  const status = useStatus(), name = useIdentity()?.displayName;
  return <p className={`answers ${status}`}><strong dir="auto">{name}</strong> <span role="status">{ANSWERS[status]}</span></p>;
}
