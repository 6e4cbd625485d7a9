import { join } from "node:path";
import { DEFAULT_TENANT } from "../../src/cli/connection.ts";
import { readLines } from "../../src/cli/lines.ts";
import { parseIdentifier } from "../../src/protocol/identifier.ts";
import { openStore } from "../../src/store/open-store.ts";
import { type BenchDaemon, startBenchDaemon } from "./daemon.ts";
import { packModelPlugin } from "./model-package.ts";
import type { Scope } from "./scope.ts";

/** A daemon with plugins of many models, none of them running, and a server that sends the same bytes. */
export interface ListStand {
  readonly daemon: BenchDaemon;
  readonly plugins: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly lists: readonly List[];
}

export interface List {
  readonly name: string;
  /** Of its JSON text. */
  readonly bytes: number;
  readonly bare: string;
  readonly plugd: string;
}

const LISTS = {
  list: "list?page=1&page_size=256",
  models: "models?page=1&page_size=256",
} as const;

/**
 * The packages are uploaded to the daemon; only what an installation would write down behind the first heartbeat of a
 * process is written without one, while the daemon is away.
 */
export async function createListStand(
  scope: Scope,
  { program, count }: { readonly program: string; readonly count: number },
): Promise<ListStand> {
  const folder = await scope.folder();
  const first = await startBenchDaemon(scope, { program, folder });
  const identifiers: string[] = [];
  for (let number = 0; number < count; number++)
    identifiers.push(await first.upload(await packModelPlugin(number)));
  await first.stop();
  await writeInstallations(join(folder, "data"), identifiers);
  const daemon = await startBenchDaemon(scope, { program, folder });

  const bare = await startBareServer(scope);
  const { "content-type": _, ...headers } = daemon.headers;
  const lists: List[] = [];
  for (const [name, path] of Object.entries(LISTS)) {
    const plugd = `${daemon.url}/plugin/${DEFAULT_TENANT}/management/${path}`;
    const response = await fetch(plugd, { headers, proxy: false });
    if (!response.ok) throw new Error(`Cannot get the ${name}: ${await response.text()}`);
    const body = await response.bytes();
    await fetch(`${bare}/${name}`, { method: "PUT", body, proxy: false });
    lists.push({ name, bytes: body.length, bare: `${bare}/${name}`, plugd });
  }
  return { daemon, plugins: count, headers, lists };
}

async function writeInstallations(dataFolder: string, identifiers: readonly string[]): Promise<void> {
  const store = openStore({
    path: join(dataFolder, "plugd.db"),
    synchronous: "normal",
    sessionHistory: 1000,
  });
  try {
    for (const identifier of identifiers)
      await store.installations.add({
        tenantId: DEFAULT_TENANT,
        pluginId: parseIdentifier(identifier)?.pluginId ?? "",
        identifier,
        runtimeType: "local",
        source: "package",
        meta: {},
      });
  } finally {
    await store.close();
  }
}

async function startBareServer(scope: Scope): Promise<string> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "bare-body.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  scope.adopt(child);
  const { value: port } = await readLines(child.stdout).next();
  if (port === undefined) throw new Error("The bare server did not start");
  return `http://127.0.0.1:${port}`;
}
