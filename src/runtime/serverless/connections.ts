import { createSlots, type Slots } from "../../lib/slots.ts";

/** Limits as the article sets them for its HTTP client (contract/plain-protocol 6); times in milliseconds. */
export interface ConnectionSettings {
  /** Requests to one host at once; the others wait for their turn. */
  readonly maxPerHost: number;
  /** Connections that are kept for the next request, to all hosts and to one. */
  readonly maxIdle: number;
  readonly maxIdlePerHost: number;
  /** A connection that was not used for so long is not used again. */
  readonly idleMs: number;
}

/** One request's place. */
export interface Connection {
  /** Whether its connection is kept for the next request. */
  readonly keepAlive: boolean;
  /** The answer was read, or given up. */
  close(): void;
}

export interface ConnectionLimits {
  /** Resolves when the host has a place; rejects with the signal. */
  open(host: string, signal: AbortSignal): Promise<Connection>;
}

interface Host {
  readonly slots: Slots;
  active: number;
  kept: number;
  usedAt: number;
}

/**
 * The engine pools connections by itself and lets a request only say whether its own is kept. So it is told: as many
 * requests keep theirs as connections may stand idle, and the others end them, as a pool would that is full.
 */
export function createConnectionLimits(
  settings: ConnectionSettings,
  { now }: { readonly now: () => number },
): ConnectionLimits {
  const hosts = new Map<string, Host>();
  let kept = 0;

  function hostOf(name: string): Host {
    let host = hosts.get(name);
    if (!host) {
      host = { slots: createSlots(settings.maxPerHost), active: 0, kept: 0, usedAt: now() };
      hosts.set(name, host);
    }
    return host;
  }

  return {
    async open(name, signal) {
      const host = hostOf(name);
      host.active++;
      let free: () => void;
      try {
        free = await host.slots.acquire(() => 0, signal);
      } catch (cause) {
        host.active--;
        throw cause;
      }
      const isStale = now() - host.usedAt > settings.idleMs;
      const keepAlive = !isStale && host.kept < settings.maxIdlePerHost && kept < settings.maxIdle;
      host.usedAt = now();
      if (keepAlive) {
        host.kept++;
        kept++;
      }
      let open = true;
      return {
        keepAlive,
        close() {
          if (!open) return;
          open = false;
          free();
          host.active--;
          host.usedAt = now();
          if (keepAlive) {
            host.kept--;
            kept--;
          }
          if (hosts.size > MAX_HOSTS) forget();
        },
      };
    },
  };

  /** Functions come and go; hosts that nobody talks to need not be remembered. */
  function forget(): void {
    for (const [name, host] of hosts)
      if (host.active === 0 && now() - host.usedAt > settings.idleMs) hosts.delete(name);
  }
}

const MAX_HOSTS = 256;
