// react/src/provider.ts: one client for everything below it.
import { createContext, createElement, useContext, useEffect, useState, type ReactElement, type ReactNode } from 'react';
import { Client, type ClientConfig, type Services } from '../../client/src/index.ts';

const ClientContext = createContext<Client | null>(null);

export interface ClientProviderProps {
  /** A client of one's own, initialized or not; it is then not destroyed here. */
  client?: Client;
  /** Without `client`: makes what carries frames to the vault. */
  services?: () => Services;
  config?: ClientConfig;
  /** Shown until the vault has answered; gets the client, to ask for access, and why it failed. */
  fallback?: ReactNode | ((client: Client | null, error: Error | null) => ReactNode);
  onInitialized?: (client: Client) => void;
  children?: ReactNode;
}

/** Makes a client and initializes it, or takes one, and gives it to the hooks below. */
export function ClientProvider({ client: given, services, config, fallback, onInitialized, children }: ClientProviderProps): ReactElement {
  const [client, setClient] = useState<Client | null>(given ?? null);
  const [ready, setReady] = useState(given?.initialized ?? false);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    if (given === undefined && services === undefined) throw new Error('ClientProvider needs a client or services');
    const own = given ?? new Client({ services: (services as () => Services)(), ...(config === undefined ? {} : { config }) });
    let gone = false;
    setClient(own);
    own.initialize().then(
      () => {
        if (gone) return;
        setReady(true);
        onInitialized?.(own);
      },
      (reason: unknown) => { if (!gone) setError(reason as Error); },
    );
    return () => {
      gone = true;
      setReady(false);
      if (own !== given) void own.destroy();
    };
    // A client is made once: services and config are those of the first time.
  }, [given]);
  const waiting = typeof fallback === 'function' ? fallback(client, error) : fallback;
  return createElement(ClientContext.Provider, { value: client }, ready ? children : waiting);
}

/** The client of the nearest ClientProvider. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error('useClient: there is no ClientProvider above');
  return client;
}
