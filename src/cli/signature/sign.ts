import { extname, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { signFile } from "../../service/author/signatures.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

const CATEGORIES = ["langgenius", "partner", "community"];

interface SignFlags {
  readonly private_key: string;
  readonly authorized_category: string;
}

export function signCommand(io: CliIo): Command {
  return new Command("sign")
    .description("sign a package; the signed copy lies beside it")
    .argument("<file>", "a .difypkg file")
    .requiredOption("-p, --private_key <file>", "the private key, as signature generate makes it")
    .option(
      "-c, --authorized_category <category>",
      `who vouches for it: ${CATEGORIES.join(", ")}`,
      parseCategory,
      CATEGORIES[0],
    )
    .action(async (file: string, flags: SignFlags) => {
      const extension = extname(file);
      const output = `${extension === "" ? file : file.slice(0, -extension.length)}.signed${extension}`;
      await signFile(resolve(io.cwd, file), {
        output: resolve(io.cwd, output),
        privateKeyPath: resolve(io.cwd, flags.private_key),
        category: flags.authorized_category,
        now: new Date(),
      });
      sayResult(io, "plugin signed successfully", { output_path: output });
    });
}

/** Written as it is typed: readers compare it in one case or another. */
function parseCategory(text: string): string {
  if (text === "" || CATEGORIES.includes(text.toLowerCase())) return text;
  throw new InvalidArgumentError(`It is one of ${CATEGORIES.join(", ")}.`);
}
