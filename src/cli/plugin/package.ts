import { tmpdir } from "node:os";
import { basename, normalize, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { errorCode } from "../../lib/system-error.ts";
import { createExportRequirements } from "../../service/author/export-requirements.ts";
import { packPlugin } from "../../service/author/pack-plugin.ts";
import type { CliDeps } from "../cli-deps.ts";
import { CliError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "./say-result.ts";

const DEFAULT_MAX_MB = 50;
const MB = 1024 * 1024;

interface PackageFlags {
  readonly output_path?: string;
  readonly maxSize: number;
}

export function packageCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("package")
    .description("make a .difypkg of the folder of a plugin")
    .argument("<dir>", "the folder with manifest.yaml")
    .option("-o, --output_path <file>", "where to write it (default: the folder's name, in this folder)")
    .option("--max-size <MB>", "limit of its uncompressed size in MB", parseMaxSize, DEFAULT_MAX_MB)
    .action((dir: string, flags: PackageFlags) => pack(dir, { flags, io, deps }));
}

async function pack(
  dir: string,
  { flags, io, deps }: { readonly flags: PackageFlags; readonly io: CliIo; readonly deps: CliDeps },
): Promise<void> {
  const shown = flags.output_path ?? defaultOutput(dir);
  const output = resolve(io.cwd, shown);
  const settings = deps.authorSettings({ env: io.env, folder: tmpdir() });
  const { bytes } = await packPlugin(resolve(io.cwd, dir), {
    maxBytes: flags.maxSize * MB,
    output,
    exportRequirements: createExportRequirements(settings.local),
    signal: io.signal,
  });
  io.signal.throwIfAborted();
  try {
    await writeFileAtomic(output, bytes);
  } catch (cause) {
    const code = errorCode(cause) ?? String(cause);
    throw new CliError(`Cannot write the package to "${shown}": ${code}`, { cause });
  }
  sayResult(io, "plugin packaged successfully", { output_path: shown });
}

function defaultOutput(dir: string): string {
  const name = basename(normalize(dir));
  // It would be written into the folder that it is made of.
  if (name === "." || name === "")
    throw new CliError(
      "invalid input path, you should specify the path outside of plugin directory, or an output path",
      { hint: "Run it in the folder above, or name the package with -o" },
    );
  return `${name}.difypkg`;
}

function parseMaxSize(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new InvalidArgumentError("A whole number of MB is wanted.");
  const value = Number(text);
  return value > 0 ? value : DEFAULT_MAX_MB;
}
