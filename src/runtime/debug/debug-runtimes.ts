import { createKeyedLock } from "../../lib/keyed-lock.ts";
import type { Logger } from "../../lib/logger.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { DebugConnection } from "./debug-connection.ts";
import { createDebugRuntime, type DebugRuntime } from "./debug-runtime.ts";
import type { DebuggedPlugin } from "./debugged-plugin.ts";

/** Keeps what the daemon's lists and look-ups show in step with the connections; the store stands behind it. */
export interface DebugRecords {
  /** From now on the tenant has this plugin under its plugin id, whatever is installed. May be told twice. */
  connected(plugin: DebuggedPlugin): Promise<void>;
  /** The tenant has again what is installed, or nothing. */
  gone(tenantId: string, pluginId: string): Promise<void>;
}

export interface DebugRuntimesOptions {
  readonly records: DebugRecords;
  /** How long the place of a client that was disconnected is kept, in milliseconds. */
  readonly graceMs: number;
  readonly log: Logger;
  /** The log of a plugin's own life. */
  readonly logOf: (plugin: DebuggedPlugin) => Logger;
}

/**
 * Plugins that are served by connections, one place for each tenant and plugin id:
 *
 *          connect                  last connection ends
 *   none ─────────▶ served ◀─────────────────────────────▶ kept ───────▶ none
 *                   │    ▲              connect                  grace over, or released
 *                   └────┘ connect: the later one is called; when it ends, the one before it
 */
export interface DebugRuntimes {
  /** Resolves when calls go to the connection and lists show its plugin. Throws what `records` throws. */
  connect(plugin: DebuggedPlugin, served: ConnectOptions): Promise<void>;
  /** The client declares something else over the connection that it has. Throws what `records` throws. */
  redeclare(connection: DebugConnection, plugin: DebuggedPlugin): Promise<void>;
  /** Nobody will come back: the place is kept no longer, or not at all once its last connection has ended. */
  release(tenantId: string, pluginId: string): Promise<void>;
  /** By identifier. */
  find(identifier: string): DebugRuntime | undefined;
  /** The plugin of the tenant's place, served or kept, that was given this session id. */
  resumed(tenantId: string, sessionId: string): DebuggedPlugin | undefined;
  /** Tenants with a connection. */
  tenants(): readonly string[];
  readonly connections: number;
  /** The daemon leaves: every connection is closed, and what they shadowed is given back. Idempotent. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly connection: DebugConnection;
  /** Writes what the client has to get before its first request. */
  readonly welcome?: (() => Promise<void>) | undefined;
}

interface Served extends ConnectOptions {
  plugin: DebuggedPlugin;
}

interface Place {
  readonly tenantId: string;
  readonly pluginId: string;
  /** In the order in which they came; the last one is called. */
  served: readonly Served[];
  /** What the last one declared. */
  plugin: DebuggedPlugin;
  runtime: DebugRuntime;
  grace: ReturnType<typeof setTimeout> | undefined;
  released: boolean;
}

export function createDebugRuntimes({ records, graceMs, log, logOf }: DebugRuntimesOptions): DebugRuntimes {
  const places = new Map<string, Place>();
  const runtimes = new Map<string, DebugRuntime>();
  const lock = createKeyedLock();
  /** Ends that are being dealt with. */
  const running = new Set<Promise<void>>();
  let closing: Promise<void> | undefined;

  /** Runs beside whoever asked; the log is where a failure shows. */
  function background(work: Promise<void>): void {
    const held = work
      .catch((cause: unknown) =>
        log.error("Cannot record the end of a debugging connection", { error: cause }),
      )
      .finally(() => running.delete(held));
    running.add(held);
  }

  /** Found by calls before the records name it, and still found until they name another one. */
  async function show(key: string, plugin: DebuggedPlugin): Promise<DebugRuntime> {
    const identifier = plugin.identifier.text;
    const before = places.get(key)?.runtime;
    const runtime = runtimes.get(identifier) ?? createDebugRuntime(plugin);
    runtimes.set(identifier, runtime);
    try {
      await records.connected(plugin);
    } catch (cause) {
      if (runtime !== before) runtimes.delete(identifier);
      throw cause;
    }
    if (before && before !== runtime) {
      runtimes.delete(before.identifier);
      before.retire();
    }
    return runtime;
  }

  async function connected(key: string, served: Served): Promise<void> {
    const { plugin, connection } = served;
    if (closing) throw new DaemonError("unavailable", "the daemon is stopping");
    const runtime = await show(key, plugin);
    // One that cannot be written to is ended already, which is dealt with below.
    await served.welcome?.().catch(() => undefined);
    connection.attend();
    const place = places.get(key) ?? {
      tenantId: plugin.tenantId,
      pluginId: plugin.identifier.pluginId,
      served: [],
      plugin,
      runtime,
      grace: undefined,
      released: false,
    };
    clearTimeout(place.grace);
    place.released = false;
    place.served = [...place.served, served];
    place.plugin = plugin;
    place.runtime = runtime;
    places.set(key, place);
    runtime.serve(connection);
    background(connection.ended.then((why) => lock.run(key, () => ended(key, served, why))));
  }

  async function redeclared(
    key: string,
    { connection, plugin }: { readonly connection: DebugConnection; readonly plugin: DebuggedPlugin },
  ): Promise<void> {
    const place = places.get(key);
    const served = place?.served.find((one) => one.connection === connection);
    // It has gone meanwhile.
    if (!place || !served || closing) return;
    if (place.served.at(-1) === served) {
      // Open calls belong to the connection, and stay.
      place.runtime = await show(key, plugin);
      place.plugin = plugin;
      place.runtime.serve(connection);
    }
    served.plugin = plugin;
  }

  async function ended(key: string, served: Served, why: string): Promise<void> {
    const place = places.get(key);
    if (!place) return;
    const { plugin, connection } = served;
    const wasCalled = place.served.at(-1) === served;
    place.served = place.served.filter((one) => one !== served);
    const next = place.served.at(-1);
    logOf(plugin).info("Debugging connection closed", {
      plugin: plugin.identifier.text.split("@", 1)[0],
      tenant: plugin.tenantId,
      from: connection.label,
      why,
    });
    if (!wasCalled) return;
    if (next) {
      place.runtime = await show(key, next.plugin);
      place.plugin = next.plugin;
      place.runtime.serve(next.connection);
      return;
    }
    place.runtime.serve(undefined);
    if (graceMs === 0 || closing || place.released) return giveBack(key, place);
    place.grace = setTimeout(() => background(lock.run(key, () => graceOver(key, place))), graceMs);
  }

  async function graceOver(key: string, place: Place): Promise<void> {
    if (place.served.length === 0) await giveBack(key, place);
  }

  async function released(key: string): Promise<void> {
    const place = places.get(key);
    if (!place) return;
    // Of two developers only one goes.
    if (place.served.length > 1) return;
    place.released = true;
    if (place.served.length === 0) await giveBack(key, place);
  }

  async function giveBack(key: string, place: Place): Promise<void> {
    clearTimeout(place.grace);
    if (places.get(key) !== place) return;
    // Calls that wait look for what is installed then; it has to be there again before they do.
    await records.gone(place.tenantId, place.pluginId);
    places.delete(key);
    runtimes.delete(place.runtime.identifier);
    place.runtime.retire();
  }

  async function closeAll(): Promise<void> {
    const all = [...places.values()];
    await Promise.all(
      all.flatMap(({ served }) => served.map(({ connection }) => connection.close("the daemon stopped"))),
    );
    while (running.size > 0) await Promise.all(running);
    for (const [key, place] of places) await lock.run(key, () => giveBack(key, place));
  }

  return {
    connect(plugin, options) {
      const key = keyOf(plugin.tenantId, plugin.identifier.pluginId);
      return lock.run(key, () => connected(key, { ...options, plugin }));
    },
    redeclare(connection, plugin) {
      const key = keyOf(plugin.tenantId, plugin.identifier.pluginId);
      return lock.run(key, () => redeclared(key, { connection, plugin }));
    },
    release(tenantId, pluginId) {
      const key = keyOf(tenantId, pluginId);
      return lock.run(key, () => released(key));
    },
    find: (identifier) => runtimes.get(identifier),
    resumed: (tenantId, sessionId) =>
      [...places.values()]
        .map(({ plugin }) => plugin)
        .find((plugin) => plugin.tenantId === tenantId && plugin.sessionId === sessionId),
    tenants: () => [
      ...new Set(
        [...places.values()].filter(({ served }) => served.length > 0).map(({ tenantId }) => tenantId),
      ),
    ],
    get connections() {
      let count = 0;
      for (const { served } of places.values()) count += served.length;
      return count;
    },
    close: () => (closing ??= closeAll()),
  };
}

function keyOf(tenantId: string, pluginId: string): string {
  return `${tenantId}\n${pluginId}`;
}
