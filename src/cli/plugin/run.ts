import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { createLogger } from "../../lib/create-logger.ts";
import { describeError } from "../../lib/describe-error.ts";
import type { Logger } from "../../lib/logger.ts";
import { errorCode } from "../../lib/system-error.ts";
import { whenAborted } from "../../lib/when-aborted.ts";
import { formatRunMessage, type RunFormat } from "../../service/author/run/run-messages.ts";
import { type RunClient, serveClient } from "../../service/author/run/serve-client.ts";
import { type RunningPlugin, startPlugin } from "../../service/author/run/start-plugin.ts";
import { CliError } from "../cli-error.ts";
import type { CliDeps } from "../cli-deps.ts";
import type { CliIo } from "../cli-io.ts";
import { showProgress } from "../progress.ts";
import { listenForClients } from "./run-tcp.ts";

interface RunFlags {
  readonly mode: "stdio" | "tcp";
  readonly responseFormat: RunFormat;
  readonly enableLogs?: boolean;
}

interface Run {
  readonly flags: RunFlags;
  readonly io: CliIo;
  readonly deps: CliDeps;
}

export function runCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("run")
    .description("run a packed plugin, which takes requests as JSON, one a line; Dify is made up")
    .argument("<file>", "a .difypkg file")
    .addOption(
      new Option("-m, --mode <mode>", "where requests come from").choices(["stdio", "tcp"]).default("stdio"),
    )
    .addOption(
      new Option("-r, --response-format <format>", "how answers look")
        .choices(["text", "json"])
        .default("text"),
    )
    .option("-l, --enable-logs", "show on stderr what the plugin logs and prints")
    .action((file: string, flags: RunFlags) => runUntilTold(file, { flags, io, deps }));
}

/** Told to end, by SIGINT or SIGTERM, is how it ends well; its folder is gone then. */
async function runUntilTold(file: string, run: Run): Promise<void> {
  try {
    await runInFolder(file, run);
  } catch (error) {
    if (run.io.signal.aborted) return;
    if (run.flags.responseFormat === "json") {
      const response = JSON.stringify({ error: describeError(error) });
      run.io.stdout.write(formatRunMessage({ invokeId: "", type: "error", response }, "json"));
    }
    throw error;
  }
}

async function runInFolder(file: string, run: Run): Promise<void> {
  const { io } = run;
  const bytes = await readPackageFile(resolve(io.cwd, file), file);
  announce({ info: "loading plugin" }, run);
  const folder = await mkdtemp(join(tmpdir(), "plugin-run-"));
  const progress = showProgress(io.stderr);
  let plugin: RunningPlugin | undefined;
  try {
    const log = pluginLog(run);
    plugin = await startPlugin(bytes, {
      settings: run.deps.authorSettings({ env: io.env, folder }),
      folder,
      log,
      signal: io.signal,
      report(stage, detail) {
        if (io.stderr.isTerminal) progress.show(detail);
        log.info("Preparing", { stage, detail });
      },
    });
    progress.clear();
    await serve(plugin, run);
  } finally {
    progress.clear();
    await plugin?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function serve(plugin: RunningPlugin, run: Run): Promise<void> {
  const { flags, io } = run;
  const serveOne = (client: RunClient) =>
    serveClient(client, { plugin, format: flags.responseFormat, signal: io.signal });
  if (flags.mode === "stdio") {
    await serveOne({
      input: io.stdin.chunks(),
      async write(text) {
        io.stdout.write(text);
        await io.stdout.drained();
      },
    });
    // The end of the input is no reason to go, as in the reference: the plugin may be watched.
    return whenAborted(io.signal);
  }
  const server = await listenForClients(serveOne);
  try {
    announce({ info: "tcp server listening", host: server.host, port: server.port }, run);
    await whenAborted(io.signal);
  } finally {
    await server.close();
  }
}

function announce(
  response: { readonly info: string; readonly [key: string]: string | number },
  run: Run,
): void {
  const { io, flags } = run;
  if (flags.responseFormat === "json") {
    const message = { invokeId: "", type: "info", response: JSON.stringify(response) } as const;
    io.stdout.write(formatRunMessage(message, "json"));
    return;
  }
  const { info, ...rest } = response;
  const details = Object.entries(rest).map(([name, value]) => ` ${name}=${value}`);
  io.stdout.write(`${startLineTime(new Date())} [INFO]${info}${details.join("")}\n`);
}

function startLineTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("/");
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}

/** Silent unless asked: test runners leave stderr unread, and a full pipe would stop everything. */
function pluginLog({ flags, io }: Run): Logger {
  return createLogger({
    level: "INFO",
    format: "text",
    write: (line) => {
      if (flags.enableLogs) io.stderr.write(line);
    },
  });
}

async function readPackageFile(path: string, shown: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    if (code === "EISDIR")
      throw new CliError(`Cannot run "${shown}": it is a folder`, {
        cause,
        hint: "Pack it first, with plugin package",
      });
    throw new CliError(`Cannot read "${shown}": ${code === "ENOENT" ? "there is no such file" : code}`, {
      cause,
    });
  }
}
