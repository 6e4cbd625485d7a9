import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { findInstalled } from "./installed-plugin.ts";

export function uninstallCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("uninstall"))
    .description("stop a plugin and remove it")
    .argument("<plugin>", 'its id, such as "author/name"')
    .action((name: string, flags: ConnectionFlags) => uninstall(name, { flags, io }));
}

async function uninstall(
  name: string,
  { flags, io }: { readonly flags: ConnectionFlags; readonly io: CliIo },
): Promise<void> {
  const client = connect(flags, io);
  const plugin = await findInstalled(client, name);
  if (!plugin)
    throw new CliError(`Cannot uninstall "${name}": it is not installed`, {
      hint: `"${io.program} list" shows what is`,
    });
  await client.post("management/uninstall", { plugin_installation_id: plugin.id });
  io.stdout.write(forOutput(`Uninstalled ${plugin.plugin_id} ${plugin.version}\n`, io.stdout));
}
