// react/src/hooks.ts: what components read of a vault, each rendered again when that changed and at no other time.
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import {
  isLive, keyOf, subscribe, versionOf, type ConnectionStatus, type Filter, type Identity, type Invitation, type InvitationSnapshot, type Live, type Member, type Observable,
  type Query, type QueryOptions, type Result, type ServicesState, type Space,
} from '../../client/src/index.ts';
import { useClient } from './provider.ts';

const never = (): (() => void) => () => undefined;

function useObservable<T>(observable: Observable<T> | undefined, without: T): T {
  const listen = useCallback((changed: () => void) => observable?.subscribe(changed) ?? never(), [observable]);
  const read = (): T => (observable === undefined ? without : observable.get());
  return useSyncExternalStore(listen, read, read);
}

/** Who the person is; null before there is an identity. */
export const useIdentity = (): Identity | null => useObservable(useClient().halo.identity, null);

/** All spaces the app may see. */
export const useSpaces = (): readonly Space[] => useObservable(useClient().spaces, NONE);

/** The space with this key, once it is there. */
export const useSpace = (key: string | undefined): Space | undefined => useSpaces().find((space) => space.key === key);

/** Members of a space, given it or its key. */
export function useMembers(space: Space | string | undefined): readonly Member[] {
  const known = useSpace(typeof space === 'string' ? space : space?.key);
  return useObservable(known?.members, NONE);
}

/** Whether the vault answers. */
export const useStatus = (): ConnectionStatus => useObservable(useClient().status, 'closed');

/** Whether the person allows this app a scope (`identity`, `create`, `join`), as that changes. */
export function useMay(scope: string): boolean {
  const client = useClient();
  useObservable(client.grant, null);
  return client.may(scope);
}

/** What the vault waits for; show a button that calls client.requestAccess(). */
export const useAccess = (): ServicesState => useObservable(useClient().access, 'ready');

const NONE: readonly never[] = Object.freeze([]);
const NOTHING: Result<never> = Object.freeze(Object.assign([] as never[], { loaded: false, error: null, partial: false }));

/** What a filter says, as a text: objects in it by name, whatever their data are now. */
const filterKey = (filter: Filter): string => JSON.stringify(filter, function (this: Record<string, unknown>, key: string, value: unknown) {
  const held = this[key]; // value is what its toJSON made of it
  return isLive(held) ? { '@': keyOf(held) } : typeof value === 'bigint' ? `${value}n` : value;
});

/**
 * The objects of a live query; another array when one comes, goes or changes, and when the vault has answered (`loaded`). The filter may be written in place: it counts by what it says. `filter`
 * and `sort` of the options are taken anew when one of `deps` changed. Without a space: none.
 */
export function useQuery<T extends object = Record<string, any>>(
  space: Space | undefined, filter: Filter = {}, options: QueryOptions<T> = {}, deps: readonly unknown[] = [],
): Result<T> {
  const said = filterKey(filter);
  const query = useMemo<Query<T> | undefined>(() => space?.db.query<T>(filter, options), [space, said, options.limit, ...deps]);
  const listen = useCallback((changed: () => void) => query?.subscribe(changed) ?? never(), [query]);
  const read = (): Result<T> => query?.objects ?? NOTHING;
  return useSyncExternalStore(listen, read, read);
}

/** Renders again when anything of this object changed, for a component that is given one. */
export function useObject<T extends object>(object: Live<T>): Live<T>;
export function useObject<T extends object>(object: Live<T> | undefined): Live<T> | undefined;
export function useObject<T extends object>(object: Live<T> | undefined): Live<T> | undefined {
  const listen = useCallback((changed: () => void) => (object === undefined ? never() : subscribe(object, changed)), [object]);
  const read = (): number => (object === undefined ? 0 : versionOf(object));
  useSyncExternalStore(listen, read, read);
  return object;
}

/** An invitation as a component shows it. */
export interface InvitationView<R> extends InvitationSnapshot {
  result: R | undefined;
  /** The guest's answer to `ready-for-authentication`. */
  authenticate(pin: string): Promise<void>;
  cancel(): void;
}

const IDLE: InvitationSnapshot = {
  status: 'init', state: undefined, message: undefined, url: undefined, pin: undefined, left: undefined, haltedAt: undefined, error: undefined,
};

/** Follows an invitation that was made or taken up; undefined: none yet. */
export function useInvitationStatus<R>(invitation: Invitation<R> | undefined): InvitationView<R> {
  const listen = useCallback((changed: () => void) => invitation?.subscribe(changed) ?? never(), [invitation]);
  const read = (): InvitationSnapshot => invitation?.get() ?? IDLE;
  const snapshot = useSyncExternalStore(listen, read, read);
  const [ended, setEnded] = useState<{ of: Invitation<R>; result: R } | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    invitation?.wait().then((result) => { if (!gone) setEnded({ of: invitation, result }); }, () => undefined);
    return () => { gone = true; };
  }, [invitation]);
  return {
    ...snapshot,
    result: ended !== undefined && ended.of === invitation ? ended.result : undefined,
    authenticate: async (pin) => invitation?.authenticate(pin),
    cancel: () => invitation?.cancel(),
  };
}
