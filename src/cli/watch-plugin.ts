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
  let lastEventId = "";
  while (!io.signal.aborted) {
    try {
      const query = {
        plugin_id: found.plugin_id,
        from: "start",
        follow: String(follow),
        ...(lastEventId !== "" && { last_event_id: lastEventId }),
      };
      for await (const { id, type, data } of client.watch(query)) {
        if (id !== "") lastEventId = id;
        yield toPluginEvent(type, data);
      }
      if (!follow) return;
    } catch (cause) {
      if (io.signal.aborted) return;
      if (!follow || !(cause instanceof CliError) || lastEventId === "") throw cause;
    }
    await pause(RECONNECT_MS, io.signal);
  }
}

function toPluginEvent(type: string, text: string): PluginEvent {
  const value: unknown = JSON.parse(text);
  const { at, ...data } = isRecord(value) ? value : {};
  return { type, at: typeof at === "string" ? at : "", data };
}
