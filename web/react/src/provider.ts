// react/src/provider.ts: one client for everything below it.
import { createContext, createElement, useCallback, useContext, useEffect, useState, type ReactElement, type ReactNode } from 'react';
import { Client, type ClientConfig, type Services } from '../../client/src/index.ts';

const ClientContext = createContext<Client | null>(null);

export interface ClientProviderProps {
  /** A client of one's own, initialized or not; it is then not destroyed here. */
  client?: Client;
  /** Without `client`: makes what carries frames to the vault. */
  services?: () => Services;
  config?: ClientConfig;
  /** Shown until the vault has answered; gets the client, to ask for access, why it failed, and a way to try again. The hooks work in it. */
  fallback?: ReactNode | ((client: Client | null, error: Error | null, retry: () => void) => ReactNode);
  onInitialized?: (client: Client) => void;
  children?: ReactNode;
}

/** Makes a client and initializes it, or takes one, and gives it to the hooks below. */
export function ClientProvider({ client: given, services, config, fallback, onInitialized, children }: ClientProviderProps): ReactElement {
  const [made, setMade] = useState<Client | null>(null), client = given ?? made;
  const [ready, setReady] = useState<Client | null>(given?.initialized === true ? given : null);
  const [error, setError] = useState<Error | null>(null), [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (given === undefined && services === undefined) throw new Error('ClientProvider needs a client or services');
    const own = given ?? new Client({ services: (services as () => Services)(), ...(config === undefined ? {} : { config }) });
    let gone = false;
    setError(null);
    if (own !== given) setMade(own);
    own.initialize().then(
      () => {
        if (gone) return;
        setReady(own);
        onInitialized?.(own);
      },
      (reason: unknown) => { if (!gone) setError(reason as Error); },
    );
    return () => {
      gone = true;
      if (own === given) return;
      setReady(null);
      void own.destroy();
    };
    // A client is made once: services and config are those of the first time.
  }, [given, attempt]);
  const retry = useCallback(() => setAttempt((count) => count + 1), []);
  const waiting = typeof fallback === 'function' ? fallback(client, error, retry) : fallback;
  return createElement(ClientContext.Provider, { value: client }, client !== null && ready === client ? children : waiting);
}

/** The client of the nearest ClientProvider. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error('useClient: there is no ClientProvider above');
  return client;
}
