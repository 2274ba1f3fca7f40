// apps/tasks/place.ts: where one is, as the part of the address behind the #: nothing, SPACE, SPACE/LIST, or join=PAYLOAD as an invitation link has it.
import { useSyncExternalStore } from 'react';

export interface Place { space: string | undefined; list: string | undefined; join: string | undefined }

const listen = (changed: () => void): (() => void) => {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
};

export function usePlace(): Place {
  const hash = useSyncExternalStore(listen, () => location.hash.slice(1));
  if (hash.startsWith('join=')) return { space: undefined, list: undefined, join: location.href };
  const [space, list] = hash.split('/');
  return { space, list, join: undefined };
}

export const hrefOf = (space: string, list = ''): string => `#${space}${list && '/'}${list}`;
export const goTo = (space: string, list?: string): void => { location.hash = hrefOf(space, list); };

/** The same place by another name, in this page's history too. */
export const rename = (space: string, list: string): void => history.replaceState(null, '', hrefOf(space, list));

/** An invitation link as a page that opens at joining: what stands behind a # is sent to no server. */
export const joinPage = (url: string): string => url.replace(/^.*#/, `${location.origin}/#join=`);
