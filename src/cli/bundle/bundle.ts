import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { analyzeCommand } from "./analyze.ts";
import { appendCommand } from "./append.ts";
import { bumpCommand } from "./bump.ts";
import { initCommand } from "./init.ts";
import { packageCommand } from "./package.ts";
import { regenerateCommand } from "./regenerate.ts";
import { removeCommand } from "./remove.ts";

/** Everything around the making of a bundle; each command takes a folder or a `.difybndl` (contract/plugin-package 7.1). */
export function bundleCommand(io: CliIo): Command {
  return new Command("bundle")
    .description("make bundles of plugins")
    .addCommand(initCommand(io))
    .addCommand(analyzeCommand(io))
    .addCommand(appendCommand(io))
    .addCommand(removeCommand(io))
    .addCommand(regenerateCommand(io))
    .addCommand(bumpCommand(io))
    .addCommand(packageCommand(io));
}
