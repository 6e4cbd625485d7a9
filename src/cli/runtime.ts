import { Argument, Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { formatTable } from "./format.ts";
import { followInstall } from "./install-task.ts";
import { findInstalled } from "./installed-plugin.ts";
import { showProgress } from "./progress.ts";
import { listRuntimes, RUNTIME_WISHES, type RuntimeWish, startSwitch } from "./runtime-switch.ts";
import { timeoutOption } from "./seconds.ts";

/** Above the daemon's own limit, so that the daemon's reason is the one shown. */
const DEFAULT_TIMEOUT_MS = 20 * 60_000;
const POLL_MS = 200;

interface SetFlags extends ConnectionFlags {
  readonly timeout: number;
}

export function runtimeCommand(io: CliIo): Command {
  const list = withConnectionOptions(new Command("list"))
    .description("show where plugins run, why, and how they are")
    .action((flags: ConnectionFlags) => listAll(flags, io));
  const set = withConnectionOptions(new Command("set"))
    .description("move a plugin to another runtime, without an outage")
    .argument("<plugin>", 'its id, such as "author/name"')
    .addArgument(new Argument("<where>", "where it is to run").choices(RUNTIME_WISHES))
    .addOption(timeoutOption(DEFAULT_TIMEOUT_MS))
    .action((plugin: string, where: RuntimeWish, flags: SetFlags) => move({ plugin, where, flags, io }));
  return new Command("runtime").description("where plugins run").addCommand(list).addCommand(set);
}

async function listAll(flags: ConnectionFlags, io: CliIo): Promise<void> {
  const views = [...(await listRuntimes(connect(flags, io))).values()];
  if (views.length === 0)
    return io.stderr.write(`Nothing is installed; "${io.program} install FILE.difypkg" changes that\n`);
  const rows = views.map((view) => [
    view.plugin_id,
    view.runtime_type,
    view.state,
    view.function_url,
    [view.reason, view.last_failure.split("\n")[0] ?? ""].filter((text) => text !== "").join("; "),
  ]);
  const table = formatTable([["PLUGIN", "RUNTIME", "STATE", "FUNCTION", "WHY"], ...rows]);
  io.stdout.write(forOutput(table, io.stdout));
}

async function move(options: {
  readonly plugin: string;
  readonly where: RuntimeWish;
  readonly flags: SetFlags;
  readonly io: CliIo;
}): Promise<void> {
  const { plugin: name, where, flags, io } = options;
  const client = connect(flags, io);
  const plugin = await findInstalled(client, name);
  if (!plugin)
    throw new CliError(`Cannot move "${name}": it is not installed`, {
      hint: `"${io.program} list" shows what is`,
    });
  const { plugin_id: pluginId, plugin_unique_identifier: identifier } = plugin;
  const progress = showProgress(io.stderr);
  try {
    const taskId = await startSwitch(client, { pluginId, runtime: where });
    if (taskId !== undefined)
      await followInstall(client, {
        taskId,
        identifier,
        timeoutMs: flags.timeout,
        pollMs: POLL_MS,
        signal: io.signal,
        onStep: (message) => progress.show(message),
      });
    const now = (await listRuntimes(client)).get(pluginId);
    progress.clear();
    const as = now ? `${now.runtime_type} (${now.reason})` : where;
    io.stdout.write(
      forOutput(`${pluginId} ${taskId === undefined ? "runs" : "now runs"} as ${as}\n`, io.stdout),
    );
  } finally {
    progress.clear();
  }
}
