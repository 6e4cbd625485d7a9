import { resolve } from "node:path";
import { Command } from "commander";
import { readBundleProfile, setBundleProfile } from "../../service/author/change-bundle.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";
import { type ProfileFlags, profileOf, withProfileFlags } from "./profile.ts";

export function regenerateCommand(io: CliIo): Command {
  return withProfileFlags(new Command("regenerate"))
    .description("say anew what a bundle is called, who makes it and what is in it")
    .argument("<bundle>", "the bundle's folder, or a .difybndl file")
    .action(async (bundle: string, flags: ProfileFlags) => {
      const path = resolve(io.cwd, bundle);
      await setBundleProfile(path, await profileOf(flags, await readBundleProfile(path), io));
      sayResult(io, "bundle regenerated successfully", {});
    });
}
