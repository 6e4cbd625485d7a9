import { Command } from "commander";
import { VERSION } from "../lib/version.ts";
import type { CliIo } from "./cli-io.ts";

/** Only the version, in the form of a release tag: the SDK's test runner parses it (contract/plugin-package 7.1). */
export function versionCommand(io: CliIo): Command {
  return new Command("version")
    .description("print the version as a release tag")
    .action(() => io.stdout.write(`v${VERSION}\n`));
}
