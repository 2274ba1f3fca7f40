// apps/frame/place.ts: where one is, as the part of the address behind the #: nothing, SPACE, SPACE/ITEM, SPACE/ITEM/VIEW, or join=PAYLOAD as an invitation link has it.
import { useSyncExternalStore } from 'react';

export interface Place { space: string | undefined; item: string | undefined; view: string | undefined; join: string | undefined }

const listen = (changed: () => void): (() => void) => {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
};

export function usePlace(): Place {
  const hash = useSyncExternalStore(listen, () => location.hash.slice(1));
  if (hash.startsWith('join=')) return { space: undefined, item: undefined, view: undefined, join: location.href };
  const [space, item, view] = hash.split('/');
  return { space, item, view, join: undefined };
}

export const hrefOf = (...parts: readonly string[]): string => `#${parts.join('/')}`;
export const goTo = (...parts: readonly string[]): void => { location.hash = hrefOf(...parts); };

/** The same place by another name, in this page's history too. */
export const rename = (...parts: readonly string[]): void => history.replaceState(null, '', hrefOf(...parts));

/** An invitation link as a page that opens at joining: what stands behind a # is sent to no server. */
export const joinPage = (url: string): string => url.replace(/^.*#/, `${location.origin}/#join=`);
