import { readServerEvents } from "../../src/cli/server-events.ts";
import { TENANT } from "./daemon-api.ts";
import { until } from "./processes.ts";

export interface SeenEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What happens to a plugin, as those see it who watch it. */
export interface PluginEvents extends AsyncDisposable {
  readonly seen: readonly SeenEvent[];
  /** The first event of the type that the rule holds for. */
  next(
    type: string,
    rule?: (data: SeenEvent["data"]) => boolean,
    withinMs?: number,
  ): Promise<SeenEvent["data"]>;
}

export async function watchPluginEvents(
  daemon: { readonly url: string; readonly key: string },
  pluginId: string,
): Promise<PluginEvents> {
  const leave = new AbortController();
  const query = new URLSearchParams({ plugin_id: pluginId, from: "start" }).toString();
  const response = await fetch(`${daemon.url}/plugin/${TENANT}/debugging/events?${query}`, {
    headers: { "x-api-key": daemon.key },
    signal: leave.signal,
    keepalive: false,
  });
  const { body } = response;
  if (!body) throw new Error("The stream has no body");
  const seen: SeenEvent[] = [];
  const ended = (async () => {
    try {
      for await (const { type, data } of readServerEvents(body))
        seen.push({ type, data: JSON.parse(data) as SeenEvent["data"] });
    } catch (error) {
      if (!leave.signal.aborted) throw error;
    }
  })();
  return {
    seen,
    async next(type, rule = () => true, withinMs = 20_000) {
      const find = () => seen.find((event) => event.type === type && rule(event.data));
      await until(`an event "${type}"`, () => find() !== undefined, { withinMs }).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${seen.map((event) => event.type).join(" ")}`);
      });
      const found = find();
      if (!found) throw new Error(`No event "${type}"`);
      return found.data;
    },
    async [Symbol.asyncDispose]() {
      leave.abort();
      await ended;
    },
  };
}
