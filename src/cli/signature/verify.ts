import { resolve } from "node:path";
import { Command } from "commander";
import { verifyFile } from "../../service/author/signatures.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

export function verifyCommand(io: CliIo): Command {
  return new Command("verify")
    .description("tell whether a package is signed with the marketplace's key, or with another")
    .argument("<file>", "a .difypkg file")
    .option("-p, --public_key <file>", "the public key to verify with, in place of the marketplace's")
    .action(async (file: string, flags: { readonly public_key?: string }) => {
      const { authorized_category } = await verifyFile(resolve(io.cwd, file), {
        publicKeyPath: flags.public_key === undefined ? undefined : resolve(io.cwd, flags.public_key),
      });
      sayResult(io, "plugin verified successfully", { authorized_category });
    });
}
