import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { errorCode } from "../lib/system-error.ts";
import { whenAborted } from "../lib/when-aborted.ts";
import { banner, bannerAttributes } from "./banner.ts";
import type { CliDeps, RunningDaemon, StartFacts } from "./cli-deps.ts";
import { CliError } from "./cli-error.ts";
import { type CliIo, styleFor } from "./cli-io.ts";
import { parseEnvFile } from "./env-file.ts";

interface StartFlags {
  readonly envFile?: string;
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly logLevel?: string;
}

export function startCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("start")
    .description("run the daemon until Ctrl-C or SIGTERM")
    .option("--env-file <file>", "read settings from a file; variables of the environment win over it")
    .option("--data-dir <dir>", "where everything is kept (PLUGD_DATA_DIR; default: ./plugd-data)")
    .option("--host <address>", "address to listen on (SERVER_HOST)")
    .option("--port <port>", "port to listen on (SERVER_PORT; default: 5002)")
    .option("--log-level <level>", "debug, info, warn or error (LOG_LEVEL)")
    .addHelpText("after", "\nEvery other setting is a variable of the environment; see .env.example.")
    .action((flags: StartFlags) => start(flags, { io, deps }));
}

async function start(
  flags: StartFlags,
  { io, deps }: { readonly io: CliIo; readonly deps: CliDeps },
): Promise<void> {
  const daemon = await deps.startDaemon({ env: startEnvironment(flags, io) });
  try {
    // Told beside the wait for the end: looking for interpreters must not delay a stop.
    await Promise.race([tell(daemon, io), whenAborted(io.signal)]);
    await whenAborted(io.signal);
    if (io.stdout.isTerminal)
      io.stdout.write("\nStopping; calls that are open may finish. Ctrl-C again ends at once\n");
  } finally {
    await daemon.close();
  }
}

/** Flags win over variables, variables over the file. Empty variables count as unset and do not hide the file's. */
export function startEnvironment(
  flags: StartFlags,
  io: Pick<CliIo, "env" | "cwd">,
): Readonly<Record<string, string>> {
  return mergeSettings(io, {
    envFile: flags.envFile,
    fromFlags: {
      PLUGD_DATA_DIR: flags.dataDir === undefined ? undefined : resolve(io.cwd, flags.dataDir),
      SERVER_HOST: flags.host,
      SERVER_PORT: flags.port,
      LOG_LEVEL: flags.logLevel,
    },
  });
}

/** The settings of a command that runs a server: flags, the environment, a file, in this order. */
export function mergeSettings(
  io: Pick<CliIo, "env" | "cwd">,
  from: {
    readonly envFile: string | undefined;
    readonly fromFlags: Readonly<Record<string, string | undefined>>;
  },
): Readonly<Record<string, string>> {
  const fromFile = from.envFile === undefined ? {} : readEnvFile(from.envFile, io.cwd);
  // PLUGD_URL is for the other commands; as a setting of the daemon it would look like a misspelt one.
  const { PLUGD_URL: _, ...settings } = { ...fromFile, ...given(io.env), ...given(from.fromFlags) };
  return settings;
}

function given(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || value === "" ? [] : [[name, value]],
    ),
  );
}

function readEnvFile(file: string, cwd: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), "utf8");
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    throw new CliError(`Cannot read the settings in "${file}": ${code}`, { cause });
  }
  return parseEnvFile(text, file);
}

async function tell(daemon: RunningDaemon, io: CliIo): Promise<void> {
  // Looking around takes longer than being there; whoever waits for the daemon reads this line.
  if (!io.stdout.isTerminal) daemon.logger.info("Listening", { url: daemon.url });
  let facts: StartFacts;
  try {
    facts = await daemon.facts();
  } catch (cause) {
    if (io.signal.aborted) return;
    daemon.logger.warn("Cannot tell what this machine has", { url: daemon.url, error: cause });
    return;
  }
  if (io.signal.aborted) return;
  if (io.stdout.isTerminal) {
    io.stdout.write(banner(facts, { style: styleFor(io.stdout, io.env), program: io.program }));
    return;
  }
  daemon.logger.info("Ready", bannerAttributes(facts));
  for (const warning of facts.warnings) daemon.logger.warn(warning);
}
