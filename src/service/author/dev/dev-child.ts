import { settlesWithin } from "../../../lib/deadline.ts";
import { createLineSplitter } from "../../../lib/line-splitter.ts";
import { createRingText } from "../../../lib/ring-text.ts";
import type { PluginProcess } from "../../../runtime/process.ts";
import type { DevDialect, PluginLine } from "./dev-dialect.ts";

/** A line that a plugin wrote, and what it is. */
export interface ReadLine {
  readonly text: string;
  readonly is: PluginLine;
}

/** One process of the plugin. */
export interface DevChild {
  readonly pid: number;
  /** Resolves with its first sign of life, and never when it dies before. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended and all that it wrote was handed on: why, with the end of its stderr. Never rejects. */
  readonly ended: Promise<{ readonly why: string; readonly stderr: string; readonly code: number | null }>;
  /** Resolves when the pipe has taken the line; rejects once nobody reads it. */
  write(line: string): Promise<void>;
  /** Ends it: SIGTERM, and SIGKILL after a moment. */
  stop(): Promise<void>;
}

export interface DevChildOptions {
  readonly dialect: DevDialect;
  /** False: a program without heartbeats, which has started when it is still there after a moment. */
  readonly beats: boolean;
  readonly maxLineBytes: number;
  /** Awaited before more is read. */
  readonly onLines: (lines: readonly ReadLine[]) => Promise<void>;
  readonly onStderr: (line: string) => void;
}

const STOP_MS = 300;
const LAST_OUTPUT_MS = 300;
const START_MS = 300;
const TAIL_CHARS = 4096;
const MAX_STDERR_LINE = 64 * 1024;

export function createDevChild(process: PluginProcess, options: DevChildOptions): DevChild {
  const { dialect } = options;
  const firstBeat = Promise.withResolvers<void>();
  const tail = createRingText(TAIL_CHARS);
  const stdout = process.stdout.getReader();
  const stderr = process.stderr.getReader();

  async function pumpStdout(): Promise<void> {
    for await (const block of blocks(stdout, options.maxLineBytes)) {
      const lines: ReadLine[] = [];
      for (const text of block.split("\n")) {
        if (text.trim() === "") continue;
        const is = dialect.ofPlugin(text);
        if (is.kind === "heartbeat") firstBeat.resolve();
        lines.push({ text, is });
      }
      if (lines.length > 0) await options.onLines(lines);
    }
  }

  async function pumpStderr(): Promise<void> {
    for await (const block of blocks(stderr, MAX_STDERR_LINE)) {
      tail.push(block.endsWith("\n") ? block : `${block}\n`);
      for (const line of block.split("\n")) if (line.trim() !== "") options.onStderr(line.trimEnd());
    }
  }

  async function untilEnded() {
    const pumps = Promise.allSettled([pumpStdout(), pumpStderr()]);
    const exit = await process.exited;
    await settlesWithin(pumps, LAST_OUTPUT_MS);
    // A grandchild may hold the pipes.
    await Promise.allSettled([stdout.cancel(), stderr.cancel()]);
    const why = exit.outOfMemory
      ? "it used more memory than its limit"
      : exit.signal !== null
        ? `it was ended by ${exit.signal}`
        : `it exited with ${exit.code ?? "no code"}`;
    return { why, stderr: tail.text.trim(), code: exit.code };
  }

  if (!options.beats)
    void settlesWithin(process.exited, START_MS).then((gone) => {
      if (!gone) firstBeat.resolve();
    });
  if (dialect.ask !== undefined)
    // A process that died takes nothing; its end is told by `ended`.
    process.write(dialect.ask).catch(() => undefined);
  return {
    pid: process.pid,
    ready: firstBeat.promise,
    ended: untilEnded(),
    write: (line) => process.write(line),
    async stop() {
      process.signal("SIGTERM");
      if (await settlesWithin(process.exited, STOP_MS)) return;
      process.signal("SIGKILL");
      await process.exited;
    },
  };
}

interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

async function* blocks(reader: Reader, maxLineBytes: number): AsyncGenerator<string, void> {
  const splitter = createLineSplitter(maxLineBytes);
  const texts = (parts: ReturnType<typeof splitter.push>) =>
    parts.map((part) => (typeof part === "string" ? part : `${part.head}… (${part.sizeBytes} bytes)\n`));
  for (let read = await reader.read(); !read.done && read.value; read = await reader.read())
    yield* texts(splitter.push(read.value));
  yield* texts(splitter.flush());
}
