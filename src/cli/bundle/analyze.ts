import { resolve } from "node:path";
import { Command } from "commander";
import { describeBundle } from "../../service/author/describe-bundle.ts";
import { CliError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

export function analyzeCommand(io: CliIo): Command {
  return new Command("analyze")
    .description("list the dependencies of a bundle")
    .argument("<bundle>", "the bundle's folder, or a .difybndl file")
    .action((bundle: string) => analyze(bundle, io));
}

/** All are listed before the first problem is told. */
async function analyze(bundle: string, io: CliIo): Promise<void> {
  const dependencies = await describeBundle(resolve(io.cwd, bundle));
  if (dependencies.length === 0) sayResult(io, "no dependencies found", {});
  const problems: string[] = [];
  for (const [index, { type, parts, problem }] of dependencies.entries()) {
    sayResult(io, `${type} dependency`, { index, ...parts });
    if (problem !== undefined) problems.push(`dependencies[${index}]: ${problem}`);
  }
  if (problems.length > 0) throw new CliError(["The bundle cannot be used:", ...problems].join("\n"));
}
