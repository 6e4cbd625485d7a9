import { readFileSync } from "node:fs";

/** Runs, and is no zombie that only waits to be reaped. */
export function isRunning(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(text.slice(text.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** Waits for a condition that nothing announces, and fails with `what` when it is not met in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<void> {
  const { withinMs = 10_000, everyMs = 20 } = options;
  const giveUp = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > giveUp) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await Bun.sleep(everyMs);
  }
}

/** The next complete lines of a stream, one after the other. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
