// vault/config.ts: what the kube that serves this page says of signaling and ICE (docs/spec/kube.md), strictly read: it may be any server's answer.
import type { IceServer } from '../core/messages.ts';

export interface Config {
  /** Address of the kube's signaling service; null: it has none. */
  readonly signal: string | null;
  readonly ice: readonly IceServer[];
}

const SERVERS_MAX = 8, TEXT_MAX = 255;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0 && value.length <= TEXT_MAX;

function readServer(value: unknown): IceServer | null {
  if (typeof value !== 'object' || value === null) return null;
  const { urls, username, credential } = value as Record<string, unknown>;
  const [url] = Array.isArray(urls) ? urls as unknown[] : [urls];
  if (!isText(url) || !/^(?:stuns?|turns?):/.test(url)) return null;
  return { urls: url, ...(isText(username) && { username }), ...(isText(credential) && { credential }) };
}

/** null: that is no configuration. */
export function readConfig(value: unknown): Config | null {
  if (typeof value !== 'object' || value === null) return null;
  const { signal, ice } = value as Record<string, unknown>;
  const servers = Array.isArray(ice) ? ice.slice(0, SERVERS_MAX).map(readServer).filter((server) => server !== null) : [];
  return { signal: isText(signal) && /^wss?:\/\//.test(signal) ? signal : null, ice: servers };
}

/** Asks the kube. While it is stopped the service worker answers what it said last; null: it never did, or this is served by something else. */
export async function askConfig(): Promise<Config | null> {
  try {
    const answer = await fetch('/.well-known/dx/config');
    return answer.ok ? readConfig(await answer.json()) : null;
  } catch {
    return null;
  }
}
