import { isRecord } from "../lib/is-record.ts";
import { pause } from "../lib/pause.ts";
import { CliError } from "./cli-error.ts";
import type { CliIo } from "./cli-io.ts";
import type { DaemonClient } from "./daemon-client.ts";
import { findInstalled } from "./installed-plugin.ts";

/** An event of a plugin; what it holds depends on its type. */
export interface PluginEvent {
  readonly type: string;
  /** ISO 8601. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface WatchPluginOptions {
  /** A plugin's id, or its unique identifier. */
  readonly plugin: string;
  /** False: only what is kept. */
  readonly follow: boolean;
}

/** By then a daemon that was started anew listens again. */
const RECONNECT_MS = 1000;

/** What happened to a plugin, and with `follow` what happens, over restarts of the daemon, until Ctrl-C. */
export async function* watchPlugin(
  client: DaemonClient,
  io: CliIo,
  { plugin, follow }: WatchPluginOptions,
): AsyncGenerator<PluginEvent, void> {
  const found = await findInstalled(client, plugin);
  if (!found)
    throw new CliError(`Plugin "${plugin}" is not installed`, {
      hint: `See "${io.program} list" for what is`,
    });
  yield* pluginEvents(client, { pluginId: found.plugin_id, from: "start", follow, signal: io.signal });
}

/** The same for a plugin id, installed or not; `now` leaves out what has happened before. */
export async function* pluginEvents(
  client: DaemonClient,
  options: {
    readonly pluginId: string;
    readonly from: "start" | "now";
    readonly follow: boolean;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<PluginEvent, void> {
  const { pluginId, from, follow, signal } = options;
  let lastEventId = "";
  while (!signal.aborted) {
    try {
      const query = {
        plugin_id: pluginId,
        from,
        follow: String(follow),
        ...(lastEventId !== "" && { last_event_id: lastEventId }),
      };
      for await (const { id, type, data } of client.watch(query)) {
        if (signal.aborted) return;
        if (id !== "") lastEventId = id;
        yield toPluginEvent(type, data);
      }
      if (!follow) return;
    } catch (cause) {
      if (signal.aborted) return;
      if (!follow || !(cause instanceof CliError) || lastEventId === "") throw cause;
    }
    await pause(RECONNECT_MS, signal);
  }
}

function toPluginEvent(type: string, text: string): PluginEvent {
  const value: unknown = JSON.parse(text);
  const { at, ...data } = isRecord(value) ? value : {};
  return { type, at: typeof at === "string" ? at : "", data };
}
