import { Command } from "commander";
import type { CliDeps } from "../cli-deps.ts";
import type { CliIo } from "../cli-io.ts";
import { checksumCommand } from "./checksum.ts";
import { debugHelperCommand } from "./debug.ts";
import { devCommand } from "./dev.ts";
import { initCommand } from "./init.ts";
import { moduleCommand } from "./module.ts";
import { packageCommand } from "./package.ts";
import { permissionCommand } from "./permission.ts";
import { readmeCommand } from "./readme.ts";
import { runCommand } from "./run.ts";

/** Everything around the making of a plugin (contract/plugin-package 7.1). */
export function pluginCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("plugin")
    .description("make, check, pack and try plugins")
    .addCommand(initCommand(io))
    .addCommand(packageCommand(io, deps))
    .addCommand(checksumCommand(io))
    .addCommand(permissionCommand(io))
    .addCommand(moduleCommand(io))
    .addCommand(readmeCommand(io))
    .addCommand(runCommand(io, deps))
    .addCommand(devCommand(io, deps))
    .addCommand(debugHelperCommand(io));
}
