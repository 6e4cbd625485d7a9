import type { FunctionLogLine } from "../../protocol/serverless/function-log.ts";

/** What the processes of one function say: the last of it, and what comes. */
export interface FunctionLog {
  write(entry: Omit<FunctionLogLine, "time">): void;
  /** The last lines, then every new one, until the signal aborts or the log is closed. */
  follow(onLine: (line: FunctionLogLine) => void, options: { readonly signal: AbortSignal }): Promise<void>;
  /** The function is gone: those who follow are told. */
  close(): void;
}

const KEPT_LINES = 500;
/** A line of which more is not shown. */
const MAX_LINE_CHARS = 8192;

export function createFunctionLog(options: {
  readonly onLine: (line: FunctionLogLine) => void;
  readonly now?: () => Date;
}): FunctionLog {
  const { onLine, now = () => new Date() } = options;
  const kept: FunctionLogLine[] = [];
  const followers = new Set<(line: FunctionLogLine) => void>();
  const closed = new AbortController();

  return {
    write({ line, ...entry }) {
      const text = line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}…` : line;
      const written = { time: now().toISOString(), ...entry, line: text };
      kept.push(written);
      if (kept.length > 2 * KEPT_LINES) kept.splice(0, kept.length - KEPT_LINES);
      onLine(written);
      for (const tell of followers) tell(written);
    },
    async follow(tell, { signal }) {
      for (const line of kept.slice(-KEPT_LINES)) tell(line);
      const ended = AbortSignal.any([signal, closed.signal]);
      if (ended.aborted) return;
      followers.add(tell);
      const over = Promise.withResolvers<void>();
      ended.addEventListener("abort", () => over.resolve(), { once: true });
      await over.promise;
      followers.delete(tell);
    },
    close: () => closed.abort(),
  };
}
