import type { Command } from "commander";
import { bundleCommand } from "./bundle/bundle.ts";
import type { CliDeps } from "./cli-deps.ts";
import type { CliIo } from "./cli-io.ts";
import { pluginCommand } from "./plugin/plugin.ts";
import { signatureCommand } from "./signature/signature.ts";
import { versionCommand } from "./version.ts";

/** The commands of the `dify` program (contract/plugin-package 7.1). */
export function authorCommands(io: CliIo, deps: CliDeps): Command[] {
  return [bundleCommand(io), pluginCommand(io, deps), signatureCommand(io), versionCommand(io)];
}
