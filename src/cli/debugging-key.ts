import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { CliError } from "./cli-error.ts";
import type { DaemonClient } from "./daemon-client.ts";

/** Older daemons do not tell their port. */
const DebuggingKey = Type.Object({ key: Type.String(), port: Type.Optional(Type.Integer()) });
export type DebuggingKey = Static<typeof DebuggingKey>;

/** The key with which plugins connect, and where. Rejects with `CliError` where debugging is off. */
export async function askDebuggingKey(client: DaemonClient): Promise<DebuggingKey> {
  const answer = await client.post("debugging/key", {}).catch((cause: unknown) => {
    if (!(cause instanceof CliError) || !cause.message.includes("route not found")) throw cause;
    throw new CliError(`The daemon at "${client.url}" gives no keys: debugging is off there`, {
      cause,
      hint: "Set PLUGIN_REMOTE_INSTALLING_ENABLED to true for the daemon, or unset it",
    });
  });
  if (!Value.Check(DebuggingKey, answer))
    throw new CliError(`The daemon at "${client.url}" gave a key in a way that is not understood`);
  return answer;
}
