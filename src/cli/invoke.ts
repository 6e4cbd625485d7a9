import { resolve } from "node:path";
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import type { DaemonClient } from "./daemon-client.ts";
import type { Answer } from "./envelope.ts";
import { findInstalled, type InstalledPlugin, type Tool } from "./installed-plugin.ts";
import { parseObject, toolArguments } from "./tool-arguments.ts";
import { toolOutput } from "./tool-output.ts";

/** Who calls, as plugins see it. */
const USER_ID = "plugd-cli";

interface InvokeFlags extends ConnectionFlags {
  readonly json?: string;
  readonly provider?: string;
  readonly credentials?: string;
  readonly raw?: true;
}

export function invokeCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("invoke"))
    .description("call a tool of an installed plugin and show its answer as it comes")
    .argument("<plugin>", 'its id, such as "author/name"')
    .argument("<tool>", "name of the tool")
    .argument("[parameters...]", "key=value, or key:=json for lists, objects and the like")
    .option("--json <object>", "parameters as one JSON object; single ones override it")
    .option("--provider <name>", "provider of the tool (default: the one that the plugin declares)")
    .option("--credentials <object>", "credentials as a JSON object, or @FILE to read them from a file")
    .option("--raw", "print every message as a line of JSON")
    .action((plugin: string, tool: string, parameters: string[], flags: InvokeFlags) =>
      invoke({ plugin, tool, parameters }, { flags, io }),
    );
}

interface Typed {
  readonly plugin: string;
  readonly tool: string;
  readonly parameters: readonly string[];
}

async function invoke(
  typed: Typed,
  { flags, io }: { readonly flags: InvokeFlags; readonly io: CliIo },
): Promise<void> {
  const client = connect(flags, io);
  const plugin = await findInstalled(client, typed.plugin);
  if (!plugin)
    throw new CliError(`Cannot invoke "${typed.plugin}": it is not installed`, {
      hint: `"${io.program} list" shows what is`,
    });
  const { provider, tool } = findTool(plugin, typed.tool);
  const { values, undeclared } = toolArguments(typed.parameters, { tool, json: flags.json });
  if (undeclared.length > 0)
    io.stderr.write(
      forOutput(
        `Tool "${typed.tool}" does not declare ${undeclared.join(", ")}; sent all the same\n`,
        io.stderr,
      ),
    );
  const answers = invokeTool(client, {
    pluginId: plugin.plugin_id,
    provider: flags.provider ?? provider,
    tool: typed.tool,
    parameters: values,
    credentials: await readCredentials(flags.credentials, io),
  });
  if (flags.raw) {
    for await (const { raw } of answers) {
      io.stdout.write(`${raw}\n`);
      await io.stdout.drained();
    }
    return;
  }
  const output = toolOutput(io);
  try {
    for await (const { value } of answers) {
      output.write(value);
      // The slowest reader sets the pace, up to the plugin itself.
      await io.stdout.drained();
    }
  } finally {
    output.end();
  }
}

export interface ToolCall {
  readonly pluginId: string;
  readonly provider: string;
  readonly tool: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
}

/** The messages of a tool as they come (contract/http-api 4.3). */
export function invokeTool(client: DaemonClient, call: ToolCall): AsyncGenerator<Answer, void> {
  return client.stream("dispatch/tool/invoke", {
    pluginId: call.pluginId,
    body: {
      user_id: USER_ID,
      data: {
        provider: call.provider,
        tool: call.tool,
        tool_parameters: call.parameters,
        credentials: call.credentials,
      },
    },
  });
}

function findTool(plugin: InstalledPlugin, name: string): { readonly provider: string; readonly tool: Tool } {
  const declared = plugin.declaration.tool;
  if (!declared)
    throw new CliError(`Cannot invoke "${plugin.plugin_id}": it has no tools`, {
      hint: "Only tools can be called from here; models and the rest are called through the HTTP API",
    });
  const tool = declared.tools.find((candidate) => candidate.identity.name === name);
  if (!tool)
    throw new CliError(`Plugin "${plugin.plugin_id}" has no tool "${name}"`, {
      hint: `It has: ${declared.tools.map((candidate) => candidate.identity.name).join(", ")}`,
    });
  return { provider: declared.identity.name, tool };
}

async function readCredentials(
  given: string | undefined,
  io: CliIo,
): Promise<Readonly<Record<string, unknown>>> {
  if (given === undefined) return {};
  if (!given.startsWith("@")) return parseObject(given, "--credentials");
  const path = given.slice(1);
  const file = Bun.file(resolve(io.cwd, path));
  if (!(await file.exists())) throw new CliError(`Cannot read the credentials: there is no file "${path}"`);
  return parseObject(await file.text(), `"${path}"`);
}
