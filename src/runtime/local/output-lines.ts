import { createLineSplitter, type SplitPart } from "../../lib/line-splitter.ts";
import { createRingText } from "../../lib/ring-text.ts";

/** One output of a process that is made for people: read to its end, a line at a time. */
export interface OutputLines {
  /** The last output, starting at a line. */
  readonly tail: string;
  /** Resolves at the end of the stream. Never rejects. */
  readonly drained: Promise<void>;
  /** Gives up what is still to come, such as that of a grandchild that holds the pipe. */
  close(): void;
}

export interface OutputLinesOptions {
  /** Every line that is not empty, without its end. */
  readonly onLine: (line: string) => void;
  /** Called for every read. */
  readonly onActivity?: () => void;
  /** The pipe broke; there is no more. */
  readonly onBroken: (cause: unknown) => void;
}

const TAIL_CHARS = 4096;
/** Far beyond what a log takes of a line. A progress bar rewrites its line for hours without ever ending it. */
const MAX_LINE_BYTES = 64 * 1024;

/** Reads until the end: a process whose output nobody reads stops at a full pipe. */
export function readOutputLines(
  stream: ReadableStream<Uint8Array>,
  options: OutputLinesOptions,
): OutputLines {
  const ring = createRingText(TAIL_CHARS);
  const reader = stream.getReader();

  function take(parts: readonly SplitPart[]): void {
    for (const part of parts) {
      const block = typeof part === "string" ? part : `${part.head}… (${part.sizeBytes} bytes)\n`;
      ring.push(block.endsWith("\n") ? block : `${block}\n`);
      for (const line of block.split("\n")) {
        const text = line.trimEnd();
        if (text !== "") options.onLine(text);
      }
    }
  }

  async function drain(): Promise<void> {
    const splitter = createLineSplitter(MAX_LINE_BYTES);
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        options.onActivity?.();
        take(splitter.push(read.value));
      }
    } catch (cause) {
      options.onBroken(cause);
    }
    take(splitter.flush());
  }

  return {
    get tail() {
      return ring.text;
    },
    drained: drain(),
    close() {
      // Wakes the read; a pipe that is gone has nothing to free.
      reader.cancel().catch(() => undefined);
    },
  };
}
