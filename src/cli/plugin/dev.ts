import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { Command } from "commander";
import { createLogger } from "../../lib/create-logger.ts";
import { devPlugin } from "../../service/author/dev/dev-plugin.ts";
import { isFolder } from "../../service/author/plugin-source.ts";
import type { CliDeps } from "../cli-deps.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { type Connection, type ConnectionFlags, resolveConnection } from "../connection.ts";
import { withConnectionOptions } from "../connection-options.ts";
import { type DaemonClient, daemonClient } from "../daemon-client.ts";
import { askDebuggingKey } from "../debugging-key.ts";
import { ownDaemonEnvironment } from "../own-daemon.ts";
import { freePort } from "../free-port.ts";
import { shellWord } from "../shell-word.ts";
import { createDevScreen } from "./dev-screen.ts";

export function devCommand(io: CliIo, deps: CliDeps): Command {
  return withConnectionOptions(new Command("dev"))
    .description(
      "run a plugin from its folder; what is saved is what answers, with its log and its calls shown",
    )
    .argument("[folder]", "folder of the plugin", ".")
    .action((folder: string, flags: ConnectionFlags) => dev(folder, { flags, io, deps }));
}

interface Dev {
  readonly flags: ConnectionFlags;
  readonly io: CliIo;
  readonly deps: CliDeps;
}

async function dev(given: string, { flags, io, deps }: Dev): Promise<void> {
  const folder = resolve(io.cwd, given);
  if (!(await isFolder(folder)))
    throw new CliError(`Cannot run "${given}": it is a file`, {
      hint: "Name the folder of the plugin; a package is run with plugin run",
    });
  const daemon = await findDaemon({ flags, io, deps });
  try {
    await develop(folder, { daemon, io, deps });
  } finally {
    await daemon.close();
  }
}

/** For the goodbye to the daemon, which nobody waits for much longer. */
const GOODBYE_MS = 2000;

interface FoundDaemon {
  readonly connection: Connection;
  /** Where it comes from, in words. */
  readonly origin: string;
  /** With which other commands find it. */
  readonly flags: ConnectionFlags;
  close(): Promise<void>;
}

/** The daemon that answers, or one that lives as long as this command. One that was named has to answer. */
async function findDaemon({ flags, io, deps }: Dev): Promise<FoundDaemon> {
  const connection = resolveConnection(flags, io);
  try {
    await askKey(clientOf(connection, io));
    return { connection, origin: "running", flags, close: () => Promise.resolve() };
  } catch (cause) {
    const named = flags.url !== undefined || Boolean(io.env["PLUGD_URL"]);
    if (named || !(cause instanceof CliError) || cause.exitCode !== EXIT.unreachable) throw cause;
  }
  const folder = await mkdtemp(join(tmpdir(), "plugd-dev-"));
  try {
    const daemon = await deps.startDaemon({
      env: ownDaemonEnvironment({
        folder,
        env: io.env,
        settings: {
          PLUGIN_REMOTE_INSTALLING_ENABLED: "true",
          PLUGIN_REMOTE_INSTALLING_HOST: "127.0.0.1",
          PLUGIN_REMOTE_INSTALLING_PORT: String(freePort()),
        },
      }),
    });
    // Its key stands in its folder alone.
    const found = { ...flags, url: daemon.url, dataDir: folder };
    return {
      connection: resolveConnection(found, { ...io, env: {} }),
      flags: found,
      origin: "of this command alone, as none was running",
      async close() {
        await daemon.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    throw cause;
  }
}

async function develop(
  folder: string,
  { daemon, io, deps }: { readonly daemon: FoundDaemon; readonly io: CliIo; readonly deps: CliDeps },
): Promise<void> {
  const { connection } = daemon;
  const client = clientOf(connection, io);
  const screen = createDevScreen({
    io,
    connection,
    goOn: (pluginId) => `${io.program} debug continue ${pluginId}${flagWords(daemon.flags)}`,
    clientUntil: (signal) => daemonClient(connection, { program: io.program, signal }),
  });
  screen.start({ folder, origin: daemon.origin });
  // Below the user's cache, for the next time; by folder, as two of these commands must not share it.
  const home = io.env["XDG_CACHE_HOME"] || (io.env["HOME"] ? join(io.env["HOME"], ".cache") : tmpdir());
  const ownFolder = join(home, "plugd/dev", `${basename(folder)}-${Bun.hash(folder).toString(36)}`);
  await mkdir(ownFolder, { recursive: true });
  let pluginId: string | undefined;
  try {
    await devPlugin({
      folder,
      settings: deps.authorSettings({ env: io.env, folder: ownFolder }),
      runFolder: ownFolder,
      async daemon() {
        const { key, port } = await askKey(client);
        return { host: new URL(connection.url).hostname.replace(/^\[|\]$/g, ""), port, key };
      },
      tell(event) {
        if (event.kind === "declared") ({ pluginId } = event.source.identifier);
        screen.tell(event);
      },
      log: createLogger({ level: "WARN", format: "text", write: (line) => screen.note(line) }),
      signal: io.signal,
    });
  } finally {
    await screen.close();
    if (pluginId !== undefined) await sayGoodbye(pluginId, { connection, io });
  }
}

/** Calls go to what is installed from now on. A daemon that is gone, or knows nothing of it, finds out by itself. */
async function sayGoodbye(
  pluginId: string,
  { connection, io }: { readonly connection: Connection; readonly io: CliIo },
): Promise<void> {
  const client = daemonClient(connection, { program: io.program, signal: AbortSignal.timeout(GOODBYE_MS) });
  await client.post("debugging/release", { plugin_id: pluginId }).catch(() => undefined);
}

/** The key itself is never shown. */
function flagWords({ url, key, dataDir, tenant }: ConnectionFlags): string {
  const words = [
    ...(url === undefined ? [] : ["--url", shellWord(url)]),
    ...(dataDir === undefined ? [] : ["--data-dir", shellWord(dataDir)]),
    ...(key === undefined ? [] : ["--key", '"$SERVER_KEY"']),
    ...(tenant === undefined ? [] : ["--tenant", shellWord(tenant)]),
  ];
  return words.map((word) => ` ${word}`).join("");
}

function clientOf(connection: Connection, io: CliIo): DaemonClient {
  return daemonClient(connection, { program: io.program, signal: io.signal });
}

async function askKey(client: DaemonClient): Promise<{ readonly key: string; readonly port: number }> {
  const { key, port } = await askDebuggingKey(client);
  if (port === undefined)
    throw new CliError(`The daemon at "${client.url}" does not say where it listens for plugins`, {
      hint: "Its PLUGIN_REMOTE_INSTALLING_PORT may be taken by another program: set it to a free one",
    });
  return { key, port };
}
