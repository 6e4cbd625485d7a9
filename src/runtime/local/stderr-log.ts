import type { Logger } from "../../lib/logger.ts";
import { PLUGIN_LINES } from "../plugin-lines.ts";
import { type OutputLines, readOutputLines } from "./output-lines.ts";

export interface StderrLogOptions {
  /** The plugin in texts. */
  readonly label: string;
  readonly log: Logger;
  /** Called for every read: a sign of life. */
  readonly onActivity: () => void;
}

/** What a plugin says on stderr: logged line by line, and its end kept to explain why it died. */
export function logStderr(stream: ReadableStream<Uint8Array>, options: StderrLogOptions): OutputLines {
  const { label, log, onActivity } = options;
  return readOutputLines(stream, {
    onActivity,
    onLine: (line) => log.warn(PLUGIN_LINES.stderr, { plugin: label, line }),
    onBroken: (error) => log.debug("Plugin stderr broke", { plugin: label, error }),
  });
}
