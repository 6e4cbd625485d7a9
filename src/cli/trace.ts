import { Type, type Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Command } from "commander";
import { type CliIo, forOutput, type Style, styleFor } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { clockOf, formatBytes } from "./format.ts";
import { type PluginEvent, watchPlugin } from "./watch-plugin.ts";

interface TraceFlags extends ConnectionFlags {
  readonly follow?: true;
  readonly json?: true;
}

const Ms = Type.Union([Type.Number(), Type.Null()]);

const CallBack = Type.Object({
  type: Type.String(),
  began_ms: Ms,
  end_ms: Ms,
  request_bytes: Type.Number(),
  response_bytes: Type.Number(),
  outcome: Type.Union([Type.String(), Type.Null()]),
});

const Call = Type.Object({
  session_id: Type.String(),
  action: Type.String(),
  runtime_type: Type.String(),
  request_bytes: Type.Number(),
});

const EndedCall = Type.Composite([
  Call,
  Type.Object({
    sent_ms: Ms,
    first_item_ms: Ms,
    end_ms: Ms,
    items: Type.Number(),
    response_bytes: Type.Number(),
    outcome: Type.String(),
    error_type: Type.Union([Type.String(), Type.Null()]),
    calls_back: Type.Object({ total: Type.Number(), failed: Type.Number(), first: Type.Array(CallBack) }),
  }),
]);

export function traceCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("trace"))
    .description("show the calls of a plugin: when, how long, how large, and what it asked of the platform")
    .argument("<plugin>", "its id, such as author/name")
    .option("-f, --follow", "go on with what happens, until Ctrl-C")
    .option("--json", "print each event as one line of JSON")
    .action((plugin: string, flags: TraceFlags) => trace(plugin, flags, io));
}

async function trace(plugin: string, flags: TraceFlags, io: CliIo): Promise<void> {
  const style = styleFor(io.stdout, io.env);
  const options = { plugin, follow: flags.follow === true };
  for await (const event of watchPlugin(connect(flags, io), io, options)) {
    if (!event.type.startsWith("call_") && event.type !== "missed") continue;
    const text = flags.json
      ? JSON.stringify({ type: event.type, at: event.at, ...event.data })
      : traceLines(event, style);
    if (text !== undefined) io.stdout.write(`${forOutput(text, io.stdout)}\n`);
  }
}

/** What is shown of an event; calls back stand below the call that made them. */
export function traceLines({ type, at, data }: PluginEvent, style: Style): string | undefined {
  if (type === "missed") return style.yellow(`… ${String(data["count"])} events are gone`);
  if (type === "call_began" && Value.Check(Call, data))
    return style.dim(`${clockOf(at)} ${shortId(data.session_id)} ▶ ${data.action} (${data.runtime_type})`);
  if (type !== "call_ended" || !Value.Check(EndedCall, data)) return undefined;
  return [callLine(at, data, style), ...callBackLines(data, style)].join("\n");
}

function callLine(at: string, call: Static<typeof EndedCall>, style: Style): string {
  const good = call.outcome === "success";
  const outcome = call.error_type ? `${call.outcome}: ${call.error_type}` : call.outcome;
  return [
    `${clockOf(at)} ${shortId(call.session_id)} ${good ? style.green("✓") : style.red("✗")} ${call.action}`,
    good ? style.green(outcome) : style.red(outcome),
    `${ms(call.end_ms)} (sent ${ms(call.sent_ms)}, first ${ms(call.first_item_ms)})`,
    `${formatBytes(call.request_bytes)} in`,
    `${call.items} item${call.items === 1 ? "" : "s"}, ${formatBytes(call.response_bytes)} out`,
  ].join("  ");
}

function callBackLines({ calls_back: { total, first } }: Static<typeof EndedCall>, style: Style): string[] {
  const lines = first.map(
    (call) =>
      `    ↩ ${call.type}  ${call.outcome ?? "open"}  at ${ms(call.began_ms)}, until ${ms(call.end_ms)}  ` +
      `${formatBytes(call.request_bytes)} asked, ${formatBytes(call.response_bytes)} answered`,
  );
  if (total > first.length) lines.push(`    ↩ and ${total - first.length} more`);
  return lines.map((line) => style.dim(line));
}

function ms(value: number | null): string {
  return value === null ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** Of an id that begins with the time the end tells one from another. */
function shortId(sessionId: string): string {
  return sessionId.slice(-6);
}
