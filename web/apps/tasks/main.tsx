// apps/tasks/main.tsx: finds the vault and puts the page on it.
import { createRoot } from 'react-dom/client';
import { fromVault } from '../../client/src/index.ts';
import { ClientProvider } from '../../react/src/index.ts';
import { Alone, App, Connect } from './app.tsx';

// Keeps this page, and the answer below, for when their kube is stopped: the vault does not need it.
void navigator.serviceWorker?.register('/sw.js').catch(() => undefined);

// Where the vault is says the host this page came from (docs/spec/kube.md). Any origin may host one.
const { vault } = await fetch('/.well-known/dx/config').then((answer) => answer.json()).catch(() => ({})) as { vault?: string };

createRoot(document.getElementById('tasks') as HTMLElement).render(vault
  ? (
    <ClientProvider
      services={() => fromVault({ url: `${vault}/`, name: 'Tasks', want: ['identity', 'create', 'join'] })}
      fallback={(client, error) => client && <Connect error={error} />}
    >
      <App vault={vault} />
    </ClientProvider>
  )
  : <Alone><p className="wrong" role="alert">The host of this page does not say where your vault is.</p></Alone>);
