// client/src/index.ts: what a program imports. In node `fromSocket` and `fromAgent` come from ./node/socket.ts, which needs node.
export type { SpacesQuery } from './across.ts';
export { Client, type ClientConfig, type ClientOptions, type Device, type Grant, type Halo, type Identity } from './client.ts';
export { Reference } from '../../core/codec.ts';
export type { Body, ConnectionStatus, Pending, RequestOptions } from './connection.ts';
export type { AddOptions, Database, Refusal, RemoveOptions } from './database.ts';
export { dataOf, isLive, isPartial, keyOf, strong, subscribe, versionOf, type Live, type LiveFields, type LiveLink } from './entity.ts';
export { DxError } from './errors.ts';
export type { Condition, Filter, Named } from './filter.ts';
export type { Invitation, InvitationSnapshot, InvitationStatus } from './invitation.ts';
export type { Observable, Unsubscribe } from './observable.ts';
export type { Difference, Past, PastEntity, PathDifference, Transaction, Undone, Version } from './past.ts';
export type { Query, QueryOptions, Result } from './query.ts';
export { fromPort, type AppRequest, type Channel, type ChannelEvents, type Services, type ServicesState } from './services.ts';
export type { Epoch, InvitationOptions, ItemOptions, Level, Member, Role, Space, SpaceStatus } from './space.ts';
export { fromVault, type VaultOptions } from './vault.ts';
