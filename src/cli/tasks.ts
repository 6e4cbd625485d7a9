import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { formatDuration, formatTable } from "./format.ts";
import { InstallTask } from "./install-task.ts";

interface TasksFlags extends ConnectionFlags {
  readonly json?: true;
}

export function tasksCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("tasks"))
    .description("show installations that run, failed, or have just ended")
    .option("--json", "print what the API answers, as one JSON array")
    .action((flags: TasksFlags) => tasks(flags, io));
}

async function tasks(flags: TasksFlags, io: CliIo): Promise<void> {
  const client = connect(flags, io);
  const answer = await client.get("management/install/tasks", { page: "1", page_size: "256" });
  if (flags.json) return io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  if (!Value.Check(Type.Array(InstallTask), answer))
    throw new CliError(`The daemon at "${client.url}" described its tasks in a way that is not understood`);
  if (answer.length === 0) return io.stderr.write("No installation runs or has failed\n");
  const now = Date.now();
  const rows = answer.flatMap((task) =>
    task.plugins.map((plugin) => [
      plugin.plugin_id,
      plugin.status,
      age(now - Date.parse(task.created_at)),
      plugin.message.split("\n").join("; "),
    ]),
  );
  io.stdout.write(forOutput(formatTable([["PLUGIN", "STATUS", "BEGUN", "MESSAGE"], ...rows]), io.stdout));
}

function age(ms: number): string {
  return Number.isFinite(ms) ? `${formatDuration(Math.max(0, ms))} ago` : "";
}
