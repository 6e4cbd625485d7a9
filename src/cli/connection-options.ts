import type { Command } from "commander";
import type { CliIo } from "./cli-io.ts";
import { type ConnectionFlags, DEFAULT_TENANT, resolveConnection } from "./connection.ts";
import { type DaemonClient, daemonClient } from "./daemon-client.ts";

/** Adds the options of every command that talks to a running daemon. */
export function withConnectionOptions(command: Command): Command {
  return command
    .option(
      "--url <url>",
      "address of the daemon (default: PLUGD_URL, SERVER_HOST and SERVER_PORT, or 5002 here)",
    )
    .option("--key <key>", "its key (default: SERVER_KEY, or server.key in the data folder)")
    .option("--data-dir <dir>", "data folder of a daemon on this machine (default: PLUGD_DATA_DIR)")
    .option("--tenant <id>", `tenant (default: ${DEFAULT_TENANT})`);
}

export function connect(flags: ConnectionFlags, io: CliIo): DaemonClient {
  return daemonClient(resolveConnection(flags, io), { program: io.program, signal: io.signal });
}
