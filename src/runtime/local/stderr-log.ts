import { createLineSplitter, type SplitPart } from "../../lib/line-splitter.ts";
import type { Logger } from "../../lib/logger.ts";
import { createRingText } from "../../lib/ring-text.ts";
import { PLUGIN_LINES } from "../plugin-lines.ts";

/** What a plugin says on stderr: logged line by line, and its end kept to explain why it died. */
export interface StderrLog {
  /** The last output, starting at a line. */
  readonly tail: string;
  /** Resolves at the end of the stream. Never rejects. */
  readonly drained: Promise<void>;
  /** Gives up what is still to come, such as that of a grandchild that holds the pipe. */
  close(): void;
}

export interface StderrLogOptions {
  /** The plugin in texts. */
  readonly label: string;
  readonly log: Logger;
  /** Called for every read: a sign of life. */
  readonly onActivity: () => void;
}

const TAIL_CHARS = 4096;
/** Far beyond what a log takes of a line. A progress bar rewrites its line for hours without ever ending it. */
const MAX_LINE_BYTES = 64 * 1024;

/** Reads until the end: a plugin whose stderr nobody reads stops at a full pipe. */
export function logStderr(stream: ReadableStream<Uint8Array>, options: StderrLogOptions): StderrLog {
  const { label, log } = options;
  const ring = createRingText(TAIL_CHARS);
  const reader = stream.getReader();

  function take(parts: readonly SplitPart[]): void {
    for (const part of parts) {
      const block = typeof part === "string" ? part : `${part.head}… (${part.sizeBytes} bytes)\n`;
      ring.push(block.endsWith("\n") ? block : `${block}\n`);
      for (const line of block.split("\n")) {
        const text = line.trimEnd();
        if (text !== "") log.warn(PLUGIN_LINES.stderr, { plugin: label, line: text });
      }
    }
  }

  async function drain(): Promise<void> {
    const splitter = createLineSplitter(MAX_LINE_BYTES);
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        options.onActivity();
        take(splitter.push(read.value));
      }
    } catch (cause) {
      log.debug("Plugin stderr broke", { plugin: label, error: cause });
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
