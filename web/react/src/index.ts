// react/src/index.ts: hooks over the client, on useSyncExternalStore: a snapshot stays the same object until something in it changed.
export { ClientProvider, useClient, type ClientProviderProps } from './provider.ts';
export { useAccess, useIdentity, useInvitationStatus, useMay, useMembers, useObject, useQuery, useSpace, useSpaces, useStatus, type InvitationView } from './hooks.ts';
