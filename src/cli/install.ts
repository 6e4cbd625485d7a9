import { basename, resolve } from "node:path";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Command } from "commander";
import { errorCode } from "../lib/system-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import { CliError } from "./cli-error.ts";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import type { DaemonClient } from "./daemon-client.ts";
import { formatBytes } from "./format.ts";
import { followInstall } from "./install-task.ts";
import { findInstalled, type InstalledPlugin } from "./installed-plugin.ts";
import { showProgress } from "./progress.ts";
import { type RuntimeWish, runtimeOption, startSwitch } from "./runtime-switch.ts";
import { timeoutOption } from "./seconds.ts";

/** Above the daemon's own limit (`PLUGIN_INSTALL_TIMEOUT`, 15 minutes), so that the daemon's reason is the one shown. */
const DEFAULT_TIMEOUT_MS = 20 * 60_000;
const POLL_MS = 200;

const Uploaded = Type.Object({ unique_identifier: Type.String() });
const Started = Type.Object({ all_installed: Type.Boolean(), task_id: Type.String() });

interface InstallFlags extends ConnectionFlags {
  readonly wait: boolean;
  readonly timeout: number;
  readonly runtime?: RuntimeWish;
}

export function installCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("install"))
    .description("upload a plugin package and install it, also in place of another version")
    .argument("<file>", "a .difypkg file")
    .addOption(runtimeOption())
    .option("--no-wait", "do not wait until the plugin runs")
    .addOption(timeoutOption(DEFAULT_TIMEOUT_MS))
    .action((file: string, flags: InstallFlags) => install(file, { flags, io }));
}

async function install(
  file: string,
  { flags, io }: { readonly flags: InstallFlags; readonly io: CliIo },
): Promise<void> {
  const bytes = await readPackageFile(resolve(io.cwd, file), file);
  const client = connect(flags, io);
  const progress = showProgress(io.stderr);
  try {
    progress.show(`Uploading ${basename(file)} (${formatBytes(bytes.byteLength)})`);
    const identifier = await uploadPackage(client, { bytes, name: basename(file) });
    const { pluginId, version } = requireIdentifier(identifier);
    const say = (text: string) => {
      progress.clear();
      io.stdout.write(forOutput(`${text}\n`, io.stdout));
    };

    let taskId = await startInstall(client, identifier, flags.runtime);
    let replaced = "";
    if (taskId === undefined) {
      const installed = await findInstalled(client, pluginId);
      if (!installed || installed.plugin_unique_identifier === identifier) {
        if (flags.runtime === undefined) return say(`${pluginId} ${version} was installed already`);
        taskId = await startSwitch(client, { pluginId, runtime: flags.runtime });
        if (taskId === undefined) return say(`${pluginId} ${version} was installed there already`);
      } else {
        if (flags.runtime !== undefined)
          throw new CliError(
            `Cannot install ${pluginId} ${version} elsewhere than ${installed.version} runs`,
            {
              hint: `Install it without --runtime, then move it: "${io.program} runtime set ${pluginId} ${flags.runtime}"`,
            },
          );
        replaced = ` in place of ${installed.version}`;
        taskId = await startUpgrade(client, { from: installed.plugin_unique_identifier, to: identifier });
      }
    }
    if (taskId !== undefined && !flags.wait)
      return say(
        `${pluginId} ${version} is being installed${replaced}; "${io.program} tasks" shows how far it is`,
      );
    if (taskId !== undefined)
      await followInstall(client, {
        taskId,
        identifier,
        timeoutMs: flags.timeout,
        pollMs: POLL_MS,
        signal: io.signal,
        onStep: (message) => progress.show(message),
      });
    say(`Installed ${pluginId} ${version}${replaced}`);
    const next = nextCommand(await findInstalled(client, pluginId));
    if (next !== undefined && io.stdout.isTerminal) say(`Next: ${io.program} ${next}`);
  } finally {
    progress.clear();
  }
}

/** Answers the plugin unique identifier of the package, once the daemon has stored it. */
export async function uploadPackage(
  client: DaemonClient,
  { bytes, name }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly name: string },
): Promise<string> {
  const form = new FormData();
  form.set("dify_pkg", new Blob([bytes]), name);
  form.set("verify_signature", "false");
  const answer = await client.postForm("management/install/upload/package", form);
  if (!Value.Check(Uploaded, answer)) throw notUnderstood(client.url);
  return answer.unique_identifier;
}

/** Answers the id of the task; undefined: some version of the plugin is installed, and nothing was started. */
export async function startInstall(
  client: DaemonClient,
  identifier: string,
  runtime?: RuntimeWish,
): Promise<string | undefined> {
  const answer = await client.post("management/install/identifiers", {
    plugin_unique_identifiers: [identifier],
    source: "package",
    metas: [runtime === undefined ? {} : { runtime }],
  });
  if (!Value.Check(Started, answer)) throw notUnderstood(client.url);
  return answer.all_installed ? undefined : answer.task_id;
}

/** Answers the id of the task; undefined: the other version runs already, and the switch is done. */
async function startUpgrade(
  client: DaemonClient,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<string | undefined> {
  const answer = await client.post("management/install/upgrade", {
    original_plugin_unique_identifier: from,
    new_plugin_unique_identifier: to,
    source: "package",
    meta: {},
  });
  if (!Value.Check(Started, answer)) throw notUnderstood(client.url);
  return answer.all_installed ? undefined : answer.task_id;
}

async function readPackageFile(path: string, shown: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Bun.file(path).bytes();
  } catch (cause) {
    const code = errorCode(cause);
    const why = { ENOENT: "there is no such file", EISDIR: "it is a folder", EACCES: "permission denied" };
    const reason = Object.entries(why).find(([known]) => known === code)?.[1] ?? String(code);
    throw new CliError(`Cannot read "${shown}": ${reason}`, { cause });
  }
}

/** The call of the first tool, with a place for every parameter that it wants. */
function nextCommand(plugin: InstalledPlugin | undefined): string | undefined {
  const tool = plugin?.declaration.tool?.tools[0];
  if (!plugin || !tool) return undefined;
  const wanted = (tool.parameters ?? []).filter(
    (parameter) => parameter.required && parameter.default == null,
  );
  return ["invoke", plugin.plugin_id, tool.identity.name, ...wanted.map(({ name }) => `${name}=…`)].join(" ");
}

function notUnderstood(url: string): CliError {
  return new CliError(`The daemon at "${url}" answered in a way that is not understood`);
}
