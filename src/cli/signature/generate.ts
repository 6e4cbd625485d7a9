import { resolve } from "node:path";
import { Command } from "commander";
import { generateKeyFiles } from "../../service/author/signatures.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

const DEFAULT_NAME = "dify_plugin_signing_key";

export function generateCommand(io: CliIo): Command {
  return new Command("generate")
    .description("make a pair of keys in two files, NAME.private.pem and NAME.public.pem")
    .option("-f, --filename <name>", "what the files are called", DEFAULT_NAME)
    .action(async ({ filename }: { readonly filename: string }) => {
      const privateKey = `${filename}.private.pem`;
      const publicKey = `${filename}.public.pem`;
      await generateKeyFiles({
        privateKey: resolve(io.cwd, privateKey),
        publicKey: resolve(io.cwd, publicKey),
      });
      sayResult(io, "key pair generated successfully", { private_key: privateKey, public_key: publicKey });
    });
}
