import { DaemonError } from "../../protocol/daemon-error.ts";
import { TransportClosedError } from "../../transport/transport.ts";
import type { PluginRuntime } from "../runtime.ts";
import type { DebugConnection } from "./debug-connection.ts";
import type { DebuggedPlugin } from "./debugged-plugin.ts";

/** One version of a plugin that a developer's connection serves. */
export interface DebugRuntime extends PluginRuntime {
  readonly plugin: DebuggedPlugin;
  /** The connection that calls go to; undefined while its client may come back. */
  serve(connection: DebugConnection | undefined): void;
  /** Nobody serves it any more: calls that wait are refused, and may look for another one. Idempotent. */
  retire(): void;
}

/** A call whose connection ended before it had the request is given to the next one, this often. */
const SEND_ATTEMPTS = 5;

export function createDebugRuntime(plugin: DebuggedPlugin): DebugRuntime {
  const { identifier, declaration } = plugin;
  let connection: DebugConnection | undefined;
  let retired = false;
  let changed = Promise.withResolvers<void>();

  function change(): void {
    changed.resolve();
    changed = Promise.withResolvers();
  }

  async function untilServed(signal: AbortSignal): Promise<DebugConnection> {
    const left = Promise.withResolvers<never>();
    const onAbort = () => left.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    // Nobody may be waiting just when it rejects.
    left.promise.catch(() => undefined);
    try {
      for (;;) {
        signal.throwIfAborted();
        if (retired) throw gone();
        if (connection) return connection;
        await Promise.race([changed.promise, left.promise]);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Clients know a passing outage by these first words (contract/http-api 3.2). */
  function gone(): DaemonError {
    return new DaemonError(
      "unavailable",
      `no available node, plugin runtime not found: the debugging connection of plugin "${identifier.pluginId}" is closed`,
    );
  }

  return {
    kind: "remote",
    identifier: identifier.text,
    permission: declaration.resource.permission,
    plugin,
    get status() {
      return {
        state: retired ? "stopped" : connection ? "ready" : "waiting",
        restarts: 0,
        sessions: connection?.sessions.count ?? 0,
      } as const;
    },
    async invoke(request, signal) {
      for (let attempt = 1; ; attempt++) {
        const to = await untilServed(signal);
        try {
          return await to.sessions.open(request, signal);
        } catch (cause) {
          // Nothing was executed, so the client that comes back may have it.
          if (signal.aborted || !(cause instanceof TransportClosedError)) throw cause;
          if (attempt >= SEND_ATTEMPTS) throw gone();
          await to.ended;
          if (connection === to) connection = undefined;
        }
      }
    },
    debug: {
      pauseLimits: (sessionId) => connection?.sessions.pauseLimits(sessionId),
      resumeLimits: () => connection?.sessions.resumeLimits(),
      async resume() {
        if (!connection) return false;
        await connection.sessions.resume();
        return connection?.canBeTold ?? false;
      },
      async reload() {
        if (!connection?.canBeTold) return false;
        await connection.sessions.reload();
        return true;
      },
    },
    serve(next) {
      connection = next;
      change();
    },
    retire() {
      retired = true;
      connection = undefined;
      change();
    },
  };
}
