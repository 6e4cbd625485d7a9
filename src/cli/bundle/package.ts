import { basename, resolve } from "node:path";
import { Command } from "commander";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { errorCode } from "../../lib/system-error.ts";
import { packBundle } from "../../service/author/pack-bundle.ts";
import { CliError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

const EXTENSION = ".difybndl";

export function packageCommand(io: CliIo): Command {
  return new Command("package")
    .description("make a .difybndl of the folder of a bundle")
    .argument("<bundle>", "the bundle's folder, or a .difybndl file")
    .option("-o, --output_path <file>", "where to write it (default: the bundle's name, in this folder)")
    .action(async (bundle: string, flags: { readonly output_path?: string }) => {
      const path = resolve(io.cwd, bundle);
      const shown = flags.output_path ?? `${basename(path, EXTENSION)}${EXTENSION}`;
      const bytes = await packBundle(path);
      io.signal.throwIfAborted();
      try {
        await writeFileAtomic(resolve(io.cwd, shown), bytes);
      } catch (cause) {
        const code = errorCode(cause) ?? String(cause);
        throw new CliError(`Cannot write the bundle to "${shown}": ${code}`, { cause });
      }
      sayResult(io, "successfully packaged bundle", { output_path: shown });
    });
}
