import { errorMessage } from "../../../lib/describe-error.ts";
import { pause } from "../../../lib/pause.ts";
import { whenAborted } from "../../../lib/when-aborted.ts";
import type { DevBridge } from "./dev-bridge.ts";
import { type DevAddress, type DevLink, openDevLink } from "./dev-link.ts";

/** Where the debug server is, with a key for it. */
export interface DevDaemon extends DevAddress {
  readonly key: string;
}

export type ConnectionEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "disconnected"; readonly why: string };

/** The connection of a plugin under development, which is taken up again whenever it is lost. */
export interface DevConnection {
  /** Of the latest attempt. */
  readonly daemon: DevDaemon | undefined;
  /** What was registered no longer holds: connects anew, and leaves the connection before when its calls have ended. */
  renew(): void;
  /** The daemon has refused what was registered. */
  refuse(why: string): void;
  /** Resolves at the end of the signal, when all is closed. Never rejects. */
  readonly ended: Promise<void>;
}

export interface DevConnectionOptions {
  readonly bridge: Pick<DevBridge, "serve" | "isIdle">;
  /** Asked before each connection. */
  readonly daemon: () => Promise<DevDaemon>;
  /** What a connection begins with, line by line. */
  readonly registration: (key: string) => Iterable<string>;
  readonly tell: (event: ConnectionEvent) => void;
  readonly signal: AbortSignal;
}

const RETRY_MS = 1000;
/** What was refused is so again, unless its author changes it. */
const REFUSED_MS = 10_000;
/** A connection that was replaced is kept for calls that are on their way, at least and at most. */
const LINGER_MS = { least: 500, most: 5000 };

export function keepConnected(options: DevConnectionOptions): DevConnection {
  const { bridge, tell, signal } = options;
  const running = new Set<Promise<void>>();
  const over = whenAborted(signal);
  let daemon: DevDaemon | undefined;
  let link: DevLink | undefined;
  let renewal = new AbortController();
  let refused = false;

  function beside(work: Promise<void>): void {
    const held = work.finally(() => running.delete(held));
    running.add(held);
  }

  /** Resolves with why it is over; undefined when another one has to follow at once. */
  async function once(renewed: Promise<void>): Promise<string | undefined> {
    const before = link;
    try {
      daemon = await options.daemon();
      link = await openDevLink(daemon);
      const served = bridge.serve(link);
      beside(served);
      for (const line of options.registration(daemon.key)) await link.write(line);
      if (before) beside(linger(before));
      tell({ kind: "connected" });
      const end = await Promise.race([
        served.then(() => "lost" as const),
        over.then(() => "over" as const),
        renewed.then(() => "renewed" as const),
      ]);
      if (end === "renewed") return undefined;
    } catch (cause) {
      before?.close();
      return errorMessage(cause);
    }
    return "the daemon closed the connection";
  }

  async function keep(): Promise<void> {
    while (!signal.aborted) {
      const mine = new AbortController();
      renewal = mine;
      refused = false;
      const why = await once(whenAborted(mine.signal));
      if (why === undefined) continue;
      link?.close();
      link = undefined;
      if (signal.aborted) break;
      if (!refused) tell({ kind: "disconnected", why });
      await pause(refused ? REFUSED_MS : RETRY_MS, AbortSignal.any([signal, mine.signal]));
    }
    link?.close();
    await Promise.all(running);
  }

  /** The daemon gives new calls to the later connection; those that it gave to this one before still end here. */
  async function linger(old: DevLink): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LINGER_MS.most)]);
    while ((await pause(LINGER_MS.least, limit)) && !bridge.isIdle(old));
    old.close();
  }

  return {
    get daemon() {
      return daemon;
    },
    renew: () => renewal.abort(),
    refuse(why) {
      refused = true;
      tell({ kind: "refused", why });
    },
    ended: keep(),
  };
}
