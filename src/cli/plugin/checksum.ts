import { resolve } from "node:path";
import { Command } from "commander";
import { checksumOfSource } from "../../service/author/plugin-source.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "./say-result.ts";

export function checksumCommand(io: CliIo): Command {
  return new Command("checksum")
    .description("tell the checksum of a plugin's folder or package")
    .argument("<path>", "the folder, or a .difypkg file")
    .action(async (path: string) =>
      sayResult(io, "plugin checksum", { checksum: await checksumOfSource(resolve(io.cwd, path)) }),
    );
}
