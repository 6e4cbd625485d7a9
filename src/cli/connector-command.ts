import { resolve } from "node:path";
import { Command } from "commander";
import { whenAborted } from "../lib/when-aborted.ts";
import type { CliDeps, RunningConnector } from "./cli-deps.ts";
import { type CliIo, styleFor } from "./cli-io.ts";
import { mergeSettings } from "./start.ts";

interface ConnectorFlags {
  readonly envFile?: string;
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly publicUrl?: string;
  readonly daemonUrl?: string;
  readonly maxInstances?: string;
  readonly idleTimeout?: string;
  readonly timeout?: string;
  readonly maxRequestBytes?: string;
  readonly memoryFloor?: string;
  readonly logLevel?: string;
}

export function connectorCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("connector")
    .description("run plugins as functions for daemons with PLATFORM=serverless, until Ctrl-C or SIGTERM")
    .option("--env-file <file>", "read settings from a file; variables of the environment win over it")
    .option("--data-dir <dir>", "where everything is kept (PLUGD_CONNECTOR_DATA_DIR)")
    .option("--host <address>", "address to listen on (PLUGD_CONNECTOR_HOST; default: 127.0.0.1)")
    .option("--port <port>", "port to listen on (PLUGD_CONNECTOR_PORT; default: 5005)")
    .option("--public-url <url>", "where daemons reach it (PLUGD_CONNECTOR_PUBLIC_URL)")
    .option("--daemon-url <url>", "where functions call back (PLUGD_CONNECTOR_DAEMON_URL)")
    .option("--max-instances <n>", "processes of one function (PLUGD_CONNECTOR_MAX_INSTANCES; default: 4)")
    .option("--idle-timeout <seconds>", "then an idle process is stopped (PLUGD_CONNECTOR_IDLE_TIMEOUT)")
    .option("--timeout <seconds>", "longest time of a call (PLUGD_CONNECTOR_TIMEOUT; default: 600)")
    .option("--max-request-bytes <n>", "largest request (PLUGD_CONNECTOR_MAX_REQUEST_BYTES)")
    .option("--memory-floor <bytes>", "memory that every process may use at least (PLUGIN_MEMORY_FLOOR)")
    .option("--log-level <level>", "debug, info, warn or error (LOG_LEVEL)")
    .addHelpText(
      "after",
      "\nThe key (PLUGD_CONNECTOR_KEY) and the secret of signatures (PLUGD_CONNECTOR_SIGNATURE_SECRET) are variables" +
        "\nonly: other users of a machine see command lines. Every other setting is a variable as well; see .env.example.",
    )
    .action((flags: ConnectorFlags) => runConnector(flags, { io, deps }));
}

async function runConnector(
  flags: ConnectorFlags,
  { io, deps }: { readonly io: CliIo; readonly deps: CliDeps },
): Promise<void> {
  const env = mergeSettings(io, { envFile: flags.envFile, fromFlags: variablesOf(flags, io) });
  const connector = await deps.startConnector({ env });
  try {
    if (io.stdout.isTerminal) io.stdout.write(guide(connector, io));
    const { url, functions, memoryLimit } = connector;
    connector.logger.info("Listening", { url, functions, memory_limit: memoryLimit });
    for (const warning of connector.warnings) connector.logger.warn(warning);
    await whenAborted(io.signal);
    if (io.stdout.isTerminal)
      io.stdout.write("\nStopping; calls that are open may finish. Ctrl-C again ends at once\n");
  } finally {
    await connector.close();
  }
}

function variablesOf(flags: ConnectorFlags, io: CliIo): Readonly<Record<string, string | undefined>> {
  return {
    PLUGD_CONNECTOR_DATA_DIR: flags.dataDir === undefined ? undefined : resolve(io.cwd, flags.dataDir),
    PLUGD_CONNECTOR_HOST: flags.host,
    PLUGD_CONNECTOR_PORT: flags.port,
    PLUGD_CONNECTOR_PUBLIC_URL: flags.publicUrl,
    PLUGD_CONNECTOR_DAEMON_URL: flags.daemonUrl,
    PLUGD_CONNECTOR_MAX_INSTANCES: flags.maxInstances,
    PLUGD_CONNECTOR_IDLE_TIMEOUT: flags.idleTimeout,
    PLUGD_CONNECTOR_TIMEOUT: flags.timeout,
    PLUGD_CONNECTOR_MAX_REQUEST_BYTES: flags.maxRequestBytes,
    PLUGIN_MEMORY_FLOOR: flags.memoryFloor,
    LOG_LEVEL: flags.logLevel,
  };
}

function guide({ url, keyPath }: RunningConnector, io: CliIo): string {
  const { green } = styleFor(io.stdout, io.env);
  const key = keyPath === undefined ? "the value of PLUGD_CONNECTOR_KEY" : `what "${keyPath}" holds`;
  return [
    "Start daemons with these, and plugins run here as functions:",
    `  ${green("PLATFORM=serverless")}`,
    `  ${green(`DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL=${url}`)}`,
    `  ${green("DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY")}: ${key}`,
    "",
    "",
  ].join("\n");
}
