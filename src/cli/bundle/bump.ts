import { resolve } from "node:path";
import { Command } from "commander";
import { setBundleVersion } from "../../service/author/change-bundle.ts";
import type { CliIo } from "../cli-io.ts";

/** Says nothing when it is done, as in the reference. */
export function bumpCommand(io: CliIo): Command {
  return new Command("bump")
    .description("set the version of a bundle")
    .argument("<bundle>", "the bundle's folder, or a .difybndl file")
    .requiredOption("-t, --target_version <version>", "the new version, such as 0.0.2")
    .action((bundle: string, flags: { readonly target_version: string }) =>
      setBundleVersion(resolve(io.cwd, bundle), flags.target_version),
    );
}
