import { describeError } from "../../lib/describe-error.ts";
import type { DevEvent } from "../../service/author/dev/dev-plugin.ts";
import { type CliIo, forOutput, styleFor } from "../cli-io.ts";
import type { Connection } from "../connection.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { clockOf, formatDuration } from "../format.ts";
import { logLine } from "../logs.ts";
import { traceLines } from "../trace.ts";
import { pluginEvents } from "../watch-plugin.ts";
import { curlLines } from "./curl-lines.ts";

/** What the author of a plugin looks at while it runs from its folder. */
export interface DevScreen {
  start(what: { readonly folder: string; readonly origin: string }): void;
  tell(event: DevEvent): void;
  /** A line as it is. */
  note(line: string): void;
  close(): Promise<void>;
}

export interface DevScreenOptions {
  readonly io: CliIo;
  /** A client of the daemon whose requests end with the signal. */
  readonly clientUntil: (signal: AbortSignal) => DaemonClient;
  readonly connection: Connection;
  /** The command that lets a plugin go on from a breakpoint. */
  readonly goOn: (pluginId: string) => string;
}

const LABEL_WIDTH = 10;
const MAX_PATHS = 3;

export function createDevScreen({ io, clientUntil, connection, goOn }: DevScreenOptions): DevScreen {
  const { stdout, signal } = io;
  const style = styleFor(stdout, io.env);
  const leaving = new AbortController();
  const ended = AbortSignal.any([signal, leaving.signal]);
  let watching: { readonly pluginId: string; readonly stop: AbortController } | undefined;
  const watches = new Set<Promise<void>>();
  /** Shown once the plugin answers. */
  let hints: readonly string[] = [];
  let shownHints = "";
  let lastDetail = "";

  function note(text: string): void {
    stdout.write(`${forOutput(text, stdout)}\n`);
  }
  function say(label: string, text: string): void {
    note(`  ${style.dim(label.padEnd(LABEL_WIDTH))} ${text}`);
  }
  function now(kind: string, text: string): void {
    note(`${clockOf(new Date().toISOString())} ${kind} ${text}`);
  }

  async function follow(pluginId: string, stop: AbortController): Promise<void> {
    const until = AbortSignal.any([ended, stop.signal]);
    try {
      for await (const event of pluginEvents(clientUntil(until), {
        pluginId,
        from: "now",
        follow: true,
        signal: until,
      })) {
        if (until.aborted) return;
        // What the plugin writes to stderr, and what becomes of it, is seen here first.
        if (event.type === "lifecycle") continue;
        const text = event.type.startsWith("call_") ? traceLines(event, style) : logLine(event, style);
        if (text !== undefined) note(text);
        if (event.type === "breakpoint")
          note(`    ${style.dim("go on with")} ${style.green(goOn(pluginId))}`);
      }
    } catch (cause) {
      if (!until.aborted) now(style.red("events"), `are not shown any more: ${describeError(cause)}`);
    }
  }

  function watch(pluginId: string): void {
    if (watching?.pluginId === pluginId) return;
    watching?.stop.abort();
    const stop = new AbortController();
    watching = { pluginId, stop };
    const held = follow(pluginId, stop).finally(() => watches.delete(held));
    watches.add(held);
  }

  function showHints(): void {
    const text = hints.join("\n");
    if (text === shownHints) return;
    shownHints = text;
    for (const hint of hints) note(hint);
  }

  return {
    note: (line) => note(line.trimEnd()),
    start({ folder, origin }) {
      say("folder", folder);
      say("daemon", `${connection.url} ${style.dim(`(${origin})`)}`);
    },
    tell(event) {
      switch (event.kind) {
        case "declared": {
          const { declaration, identifier } = event.source;
          watch(identifier.pluginId);
          say("plugin", `${style.bold(identifier.pluginId)} ${identifier.version}`);
          hints = curlLines(declaration, connection).map(
            ({ tool, line }) => `  ${style.dim(tool.padEnd(LABEL_WIDTH))} ${style.green(line)}`,
          );
          return;
        }
        case "preparing":
          // The list of what was installed is of no use to anybody here.
          if (event.detail === lastDetail || /^\s*(?:\+ .*)?$/.test(event.detail)) return;
          lastDetail = event.detail;
          return say("prepare", style.dim(event.detail));
        case "prepared":
          return;
        case "changed": {
          const { paths } = event;
          const more = paths.length > MAX_PATHS ? `, and ${paths.length - MAX_PATHS} more` : "";
          const shown = paths.length === 0 ? "asked to reload" : paths.slice(0, MAX_PATHS).join(", ") + more;
          return now(style.bold("change"), shown);
        }
        case "ready":
          now(
            style.green("ready "),
            `after ${formatDuration(event.tookMs)} ${style.dim(`(pid ${event.pid})`)}`,
          );
          return showHints();
        case "broken":
          return now(
            style.red("broken"),
            `${event.why}\n${style.dim("         waiting for the next change")}`,
          );
        case "stderr":
          return now(style.red("stderr"), event.line);
        case "connected":
          return;
        case "refused":
          return now(style.red("refuse"), `the daemon does not take the plugin: ${event.why}`);
        case "disconnected":
          return now(style.yellow("lost  "), `${event.why}; trying again`);
      }
    },
    async close() {
      leaving.abort();
      await Promise.all(watches);
    },
  };
}
