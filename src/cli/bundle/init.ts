import { Command } from "commander";
import { createBundle } from "../../service/author/create-bundle.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";
import { type ProfileFlags, profileOf, withProfileFlags } from "./profile.ts";

export function initCommand(io: CliIo): Command {
  return withProfileFlags(new Command("init"))
    .description("make the folder of a new bundle")
    .action(async (flags: ProfileFlags) => {
      const profile = await profileOf(flags, { name: "", author: "", description: "" }, io);
      const path = await createBundle(io.cwd, profile, { signal: io.signal });
      sayResult(io, "bundle created", { path });
    });
}
