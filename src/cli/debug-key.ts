import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import type { CliIo } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";

interface KeyFlags extends ConnectionFlags {
  readonly json?: true;
}

const DebuggingKey = Type.Object({ key: Type.String(), port: Type.Optional(Type.Integer()) });
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
  const answer = await client.post("debugging/key", {}).catch((cause: unknown) => {
    if (!(cause instanceof CliError) || !cause.message.includes("route not found")) throw cause;
    throw new CliError(`The daemon at "${client.url}" gives no keys: debugging is off there`, {
      cause,
      hint: "Set PLUGIN_REMOTE_INSTALLING_ENABLED to true for the daemon, or unset it",
    });
  });
  if (flags.json) return io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  if (!Value.Check(DebuggingKey, answer))
    throw new CliError(`The daemon at "${client.url}" gave a key in a way that is not understood`);
  const { hostname } = new URL(client.url);
  io.stdout.write(
    `INSTALL_METHOD=remote\nREMOTE_INSTALL_URL=${hostname}:${answer.port ?? USUAL_PORT}\nREMOTE_INSTALL_KEY=${answer.key}\n`,
  );
  if (answer.port === undefined)
    io.stderr.write(
      `The daemon does not say where it listens for plugins; ${USUAL_PORT} is the usual port\n`,
    );
}
