import { resolve } from "node:path";
import { Command } from "commander";
import { DEBUG_HELPER, writeDebugHelper } from "../../service/author/debug-helper/write-debug-helper.ts";
import { isFolder } from "../../service/author/plugin-source.ts";
import { CliError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { shellWord } from "../shell-word.ts";

export function debugHelperCommand(io: CliIo): Command {
  return new Command("debug")
    .description("write plugd_debug.py into a plugin in Python: breakpoints, logs and reload")
    .argument("[folder]", "folder of the plugin", ".")
    .action((folder: string) => writeHelper(folder, io));
}

async function writeHelper(given: string, io: CliIo): Promise<void> {
  const folder = resolve(io.cwd, given);
  if (!(await isFolder(folder))) throw new CliError(`Cannot write into "${given}": it is a file`);
  await writeDebugHelper(folder);
  io.stdout.write(
    [
      `Wrote ${DEBUG_HELPER} into ${folder}. In the plugin:`,
      "",
      "  import plugd_debug                         # in main.py",
      "  plugd_debug.plugd_breakpoint()             # stops a call there",
      "",
      `Then run it with "${io.program} plugin dev ${shellWord(given)}", and let it go on with "${io.program} debug continue AUTHOR/NAME".`,
      "",
    ].join("\n"),
  );
}
