import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { removeBundleDependency } from "../../service/author/change-bundle.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

export function removeCommand(io: CliIo): Command {
  return new Command("remove")
    .description("remove a dependency of a bundle")
    .argument("<bundle>", "the bundle's folder, or a .difybndl file")
    .requiredOption("-i, --index <index>", "which one, counted from 0", parseIndex)
    .action(async (bundle: string, { index }: { readonly index: number }) => {
      await removeBundleDependency(resolve(io.cwd, bundle), index);
      sayResult(io, "successfully removed dependency", { index });
    });
}

function parseIndex(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("A number from 0 is wanted.");
  return Number(text);
}
