import { resolve } from "node:path";
import { Command } from "commander";
import { appendModule } from "../../service/author/append-module.ts";
import { describeModules } from "../../service/author/describe-modules.ts";
import { declarationOfSource } from "../../service/author/plugin-source.ts";
import { type CliIo, forOutput } from "../cli-io.ts";
import { sayResult } from "./say-result.ts";

export function moduleCommand(io: CliIo): Command {
  return new Command("module")
    .description("look at the parts of a plugin, and add some")
    .addCommand(listCommand(io))
    .addCommand(
      new Command("append")
        .description("add parts to a plugin")
        .addCommand(appendCommand("tools", io))
        .addCommand(appendCommand("endpoints", io)),
    );
}

function listCommand(io: CliIo): Command {
  return new Command("list")
    .description("list the tools, strategies, models, endpoints, datasources and events of a plugin")
    .argument("<path>", "the folder of the plugin, or a .difypkg file")
    .action(async (path: string) => {
      const declaration = await declarationOfSource(resolve(io.cwd, path));
      io.stdout.write(forOutput(describeModules(declaration), io.stdout));
    });
}

function appendCommand(kind: "tools" | "endpoints", io: CliIo): Command {
  return new Command(kind)
    .description(`add ${kind} to a plugin that has none`)
    .argument("<dir>", "the folder of the plugin")
    .action(async (dir: string) => {
      const files = await appendModule(resolve(io.cwd, dir), kind, { signal: io.signal });
      sayResult(io, `plugin ${kind} added`, { files: files.join(",") });
    });
}
