import { createRingText, type RingText } from "./ring-text.ts";

/** Why a command ended. */
export type CommandEnd =
  | { readonly kind: "exited"; readonly code: number }
  /** A signal ended it that was not ours. */
  | { readonly kind: "signalled"; readonly signal: string }
  /** It ran longer than `timeoutMs`. */
  | { readonly kind: "timeout" }
  /** It wrote nothing for `inactivityMs`. */
  | { readonly kind: "inactive" }
  | { readonly kind: "aborted" }
  /** The program or the folder is not there, or may not be used. */
  | { readonly kind: "not_started"; readonly cause: Error };

export interface CommandResult {
  readonly end: CommandEnd;
  /** The last of each output. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Limit of the whole run. */
  readonly timeoutMs: number;
  /** Limit of silence on both outputs; none when left out. */
  readonly inactivityMs?: number;
  /** Characters that are kept of each output. Default: 64 Ki. */
  readonly keepChars?: number;
  /** Each line of both outputs as it comes, without its end; carriage returns end lines too (progress bars). */
  readonly onLine?: (line: string, output: "stdout" | "stderr") => void;
}

/** Output that a process wrote before its end is read for this long, though a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 500;
const KEEP_CHARS = 65_536;
/** A line without end is cut here. */
const MAX_LINE_CHARS = 8192;

/** Ran, and ended with exit code 0. */
export function succeeded(result: CommandResult): boolean {
  return result.end.kind === "exited" && result.end.code === 0;
}

/**
 * Runs a tool to its end: stdin is empty, both outputs are drained, and whatever the tool started ends with it
 * (it leads a process group of its own). Never rejects; the result tells why it ended.
 */
export async function runCommand(
  argv: readonly [string, ...string[]],
  options: CommandOptions,
): Promise<CommandResult> {
  const stdout = createRingText(options.keepChars ?? KEEP_CHARS);
  const stderr = createRingText(options.keepChars ?? KEEP_CHARS);
  if (options.signal.aborted) return { end: { kind: "aborted" }, stdout: "", stderr: "" };

  const child = start(argv, options);
  if (child instanceof Error) return { end: { kind: "not_started", cause: child }, stdout: "", stderr: "" };

  let stopped: CommandEnd | undefined;
  const killGroup = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already, which is all that is wanted.
    }
  };
  const stop = (end: CommandEnd) => {
    stopped ??= end;
    killGroup();
  };
  const onAbort = () => stop({ kind: "aborted" });
  options.signal.addEventListener("abort", onAbort, { once: true });
  const limit = setTimeout(() => stop({ kind: "timeout" }), options.timeoutMs);
  const silence = watchSilence(options.inactivityMs, () => stop({ kind: "inactive" }));

  const onActivity = () => silence.touch();
  const readers = [child.stdout.getReader(), child.stderr.getReader()] as const;
  const drained = Promise.all([
    drain(readers[0], { keep: stdout, onActivity, onLine: (line) => options.onLine?.(line, "stdout") }),
    drain(readers[1], { keep: stderr, onActivity, onLine: (line) => options.onLine?.(line, "stderr") }),
  ]);
  const code = await child.exited;
  clearTimeout(limit);
  silence.end();
  options.signal.removeEventListener("abort", onAbort);
  // Build backends and the like may have been left behind; they would also keep the pipes open.
  killGroup();
  const giveUp = setTimeout(() => {
    for (const reader of readers) void reader.cancel().catch(() => undefined);
  }, LAST_OUTPUT_MS);
  await drained;
  clearTimeout(giveUp);

  return { end: stopped ?? endOf(code, child.signalCode), stdout: stdout.text, stderr: stderr.text };
}

function start(argv: readonly [string, ...string[]], options: CommandOptions) {
  try {
    return Bun.spawn([...argv], {
      cwd: options.cwd,
      env: options.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}

function endOf(code: number, signal: string | number | null): CommandEnd {
  return signal === null ? { kind: "exited", code } : { kind: "signalled", signal: String(signal) };
}

/** One timer for the whole run: it looks when the time may be over, and is set again for what is left. */
function watchSilence(limitMs: number | undefined, onSilent: () => void) {
  let last = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    if (limitMs === undefined) return;
    const leftMs = limitMs - (performance.now() - last);
    if (leftMs <= 0) onSilent();
    else timer = setTimeout(look, leftMs);
  };
  if (limitMs !== undefined) timer = setTimeout(look, limitMs);
  return {
    touch() {
      last = performance.now();
    },
    end() {
      clearTimeout(timer);
    },
  };
}

interface DrainOptions {
  readonly keep: RingText;
  readonly onLine: (line: string) => void;
  readonly onActivity: () => void;
}

interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

async function drain(reader: ByteReader, options: DrainOptions): Promise<void> {
  const decoder = new TextDecoder();
  let partial = "";
  const take = (text: string, last: boolean) => {
    options.keep.push(text);
    const lines = (partial + text).split(/[\r\n]+/);
    partial = last ? "" : (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
    for (const line of lines) if (line.trim() !== "") options.onLine(line.slice(0, MAX_LINE_CHARS));
  };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !value) break;
      options.onActivity();
      take(decoder.decode(value, { stream: true }), false);
    }
  } catch {
    // A pipe that breaks ends the output; how the command ended is told by its exit.
  }
  take(decoder.decode(), true);
}
