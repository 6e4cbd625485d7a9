import { Command } from "commander";
import { isRecord } from "../lib/is-record.ts";
import { type CliIo, forOutput, type Style, styleFor } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { clockOf } from "./format.ts";
import { type PluginEvent, watchPlugin } from "./watch-plugin.ts";

interface LogsFlags extends ConnectionFlags {
  readonly follow?: true;
  readonly json?: true;
}

const KNOWN = new Set(["plugin_id", "tenant_id", "plugin", "level", "message"]);

export function logsCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("logs"))
    .description("show what a plugin logs, prints and writes to stderr, and what becomes of it")
    .argument("<plugin>", "its id, such as author/name")
    .option("-f, --follow", "go on with what happens, until Ctrl-C")
    .option("--json", "print each event as one line of JSON")
    .action((plugin: string, flags: LogsFlags) => logs(plugin, flags, io));
}

async function logs(plugin: string, flags: LogsFlags, io: CliIo): Promise<void> {
  const style = styleFor(io.stdout, io.env);
  const options = { plugin, follow: flags.follow === true };
  for await (const event of watchPlugin(connect(flags, io), io, options)) {
    if (event.type.startsWith("call_")) continue;
    const line = flags.json
      ? JSON.stringify({ type: event.type, at: event.at, ...event.data })
      : logLine(event, style);
    io.stdout.write(`${forOutput(line, io.stdout)}\n`);
  }
}

/** One line of a log: when, what kind, and what. */
export function logLine({ type, at, data }: PluginEvent, style: Style): string {
  const text = shown(data["text"] ?? data["message"]);
  switch (type) {
    case "log":
      return `${clockOf(at)} ${levelOf(data["level"], style)} ${text}`;
    case "stderr":
      return `${clockOf(at)} ${style.red("stderr")} ${text}`;
    case "output":
      return `${clockOf(at)} ${style.dim("output")} ${text}`;
    case "missed":
      return style.yellow(`… ${String(data["count"])} events are gone`);
    case "lifecycle":
      return `${clockOf(at)} ${style.bold("plugd ")} ${text}${details(data, style)}`;
    case "breakpoint":
      return [
        `${clockOf(at)} ${style.yellow("pause ")} ${style.bold(`${shown(data["file"])}:${shown(data["line"])}`)}`,
        ...Object.entries(isRecord(data["variables"]) ? data["variables"] : {}).map(
          ([name, value]) => `    ${name} = ${JSON.stringify(value)}`,
        ),
      ].join("\n");
    case "continue":
      return `${clockOf(at)} ${style.green("go on")}`;
    case "reload":
      return `${clockOf(at)} ${style.bold("reload")} ${shown(data["status"])} ${text}`.trimEnd();
    default:
      return `${clockOf(at)} ${style.bold(type)} ${JSON.stringify(data)}`;
  }
}

/** What stands beside a message, without what everybody knows who watches this plugin. */
function details(data: PluginEvent["data"], style: Style): string {
  const pairs = Object.entries(data)
    .filter(([name]) => !KNOWN.has(name))
    .map(([name, value]) => `${name} ${shown(value)}`);
  return pairs.length === 0 ? "" : style.dim(` (${pairs.join(", ")})`);
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

function levelOf(level: unknown, style: Style): string {
  const name = String(level).padEnd(6);
  if (level === "error") return style.red(name);
  return level === "warn" ? style.yellow(name) : style.dim(name);
}
