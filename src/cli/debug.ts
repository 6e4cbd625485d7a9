import { Command } from "commander";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { keyCommand } from "./debug-key.ts";

export function debugCommand(io: CliIo): Command {
  return new Command("debug")
    .description("debug plugins that run on a developer's machine")
    .addCommand(keyCommand(io))
    .addCommand(
      tellCommand(io, {
        name: "continue",
        description: "let a plugin go on that stands at a breakpoint",
        done: "goes on",
      }),
    )
    .addCommand(
      tellCommand(io, {
        name: "reload",
        description: "ask a plugin that is debugged to load its code anew",
        done: "was asked to reload",
      }),
    );
}

interface Told {
  readonly name: "continue" | "reload";
  readonly description: string;
  /** What the plugin does then. */
  readonly done: string;
}

function tellCommand(io: CliIo, { name, description, done }: Told): Command {
  return withConnectionOptions(new Command(name))
    .description(description)
    .argument("<plugin>", 'its id, such as "author/name"')
    .action(async (plugin: string, flags: ConnectionFlags) => {
      await connect(flags, io).post(`debugging/${name}`, { plugin_id: plugin });
      io.stdout.write(forOutput(`${plugin} ${done}\n`, io.stdout));
    });
}
