import { Command } from "commander";
import type { CliIo } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { askDebuggingKey } from "./debugging-key.ts";

interface KeyFlags extends ConnectionFlags {
  readonly json?: true;
}

/** Of daemons that do not tell theirs. */
const USUAL_PORT = 5003;

export function keyCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("key"))
    .description("print what a plugin's .env needs to connect to the daemon; the key is good for two hours")
    .option("--json", "print what the API answers")
    .action((flags: KeyFlags) => printKey(flags, io));
}

async function printKey(flags: KeyFlags, io: CliIo): Promise<void> {
  const client = connect(flags, io);
  const answer = await askDebuggingKey(client);
  if (flags.json) return io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  const { hostname } = new URL(client.url);
  io.stdout.write(
    `INSTALL_METHOD=remote\nREMOTE_INSTALL_URL=${hostname}:${answer.port ?? USUAL_PORT}\nREMOTE_INSTALL_KEY=${answer.key}\n`,
  );
  if (answer.port === undefined)
    io.stderr.write(
      `The daemon does not say where it listens for plugins; ${USUAL_PORT} is the usual port\n`,
    );
}
