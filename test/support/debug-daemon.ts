import { startTestDaemon, freePort, type LocalDaemon, type TestDaemonOptions } from "./daemon.ts";
import { connectDebug, type DebugClient, debugKey, type DebugRequest, registration } from "./debug-client.ts";
import { TENANT } from "./daemon-api.ts";
import { until } from "./processes.ts";

/** A daemon in this process that developers can connect to. */
export interface DebugDaemon extends LocalDaemon {
  readonly debugPort: number;
  /** What lists show, by plugin id. */
  listed(tenant?: string): Promise<Readonly<Record<string, Listed>>>;
  /** A connection whose plugin lists show. */
  register(options?: RegisterOptions): Promise<DebugClient>;
}

export interface Listed {
  readonly id: string;
  readonly plugin_id: string;
  readonly plugin_unique_identifier: string;
  readonly runtime_type: string;
  readonly source: string;
  readonly version: string;
  readonly declaration: Readonly<Record<string, unknown>>;
}

interface RegisterOptions {
  readonly tenant?: string;
  readonly manifest?: object;
  readonly messages?: (key: string) => readonly object[];
}

export async function startDebugDaemon(options: TestDaemonOptions = {}): Promise<DebugDaemon> {
  const debugPort = Number(options.env?.["PLUGIN_REMOTE_INSTALLING_PORT"] ?? freePort());
  const daemon = await startTestDaemon({
    ...options,
    env: {
      PLUGIN_REMOTE_INSTALLING_ENABLED: "true",
      PLUGIN_REMOTE_INSTALLING_PORT: String(debugPort),
      PLUGD_DEBUG_GRACE: "1s",
      ...options.env,
    },
  });
  const { api } = daemon;

  async function listed(tenant = TENANT): Promise<Record<string, Listed>> {
    const { data } = await api.get("/list?page=1&page_size=256", tenant);
    const { list } = data as { list: Listed[] };
    return Object.fromEntries(list.map((plugin) => [plugin.plugin_id, plugin]));
  }

  return {
    ...daemon,
    debugPort,
    listed,
    async register({ tenant = TENANT, manifest = {}, messages } = {}) {
      const key = await debugKey(api, tenant);
      const sent = messages?.(key) ?? registration(key, manifest);
      const { author, name, version } = manifestOf(sent);
      const client = await connectDebug(debugPort);
      const connections = async () => (await debugConnections(daemon)) ?? 0;
      const before = await connections();
      client.send(...sent);
      await until(`${author}/${name}:${version} is registered`, async () => {
        const plugin = (await listed(tenant))[`${author}/${name}`];
        return (
          plugin?.runtime_type === "remote" && plugin.version === version && (await connections()) > before
        );
      });
      return client;
    },
  };
}

/** As `/health/check` tells. */
export async function debugConnections(daemon: Pick<LocalDaemon, "api">): Promise<number | undefined> {
  const body = (await (await daemon.api.request("/health/check")).json()) as { debug_connections?: number };
  return body.debug_connections;
}

function manifestOf(messages: readonly object[]): Readonly<Record<string, string>> {
  for (const message of messages)
    if ("type" in message && message.type === "manifest_declaration" && "data" in message)
      return message.data as Record<string, string>;
  throw new Error("There is no manifest");
}

/** The next request that the daemon makes of the client. */
export async function nextRequest(client: DebugClient): Promise<DebugRequest> {
  const message = (await client.next()) as DebugRequest & { event?: string };
  if (message.event !== "request") throw new Error(`No request: ${JSON.stringify(message)}`);
  return message;
}
