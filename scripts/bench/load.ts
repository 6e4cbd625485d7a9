#!/usr/bin/env bun
/**
 * load.ts OPTIONS_JSON: calls a streaming route in a closed loop and prints one JSON line of results.
 *
 * It runs in a process of its own, so that what it costs is not counted as the daemon's.
 */
export interface LoadOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly concurrency: number;
  /** Ends after this time; calls that are open then still count. */
  readonly seconds: number;
  /** Calls in all; 0 means as many as the time allows. */
  readonly calls?: number;
}

export interface LoadResult {
  readonly calls: number;
  readonly failed: number;
  readonly callsPerSecond: number;
  readonly itemsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Milliseconds at p50 and p99. */
  readonly firstItemMs: readonly [number, number];
  readonly wholeMs: readonly [number, number];
  readonly seconds: number;
  readonly sample?: string;
}

const NEWLINE = 10;

async function load(options: LoadOptions): Promise<LoadResult> {
  const body = JSON.stringify(options.body);
  const first: number[] = [];
  const whole: number[] = [];
  let items = 0;
  let bytes = 0;
  let failed = 0;
  let started = 0;
  let sample: string | undefined;
  const began = performance.now();
  const until = began + options.seconds * 1000;
  const limit = options.calls || Infinity;

  async function call(): Promise<void> {
    const at = performance.now();
    let firstAt = 0;
    let head = "";
    let lines = 0;
    let previous = 0;
    try {
      const response = await fetch(options.url, { method: "POST", headers: options.headers, body });
      for await (const chunk of response.body ?? []) {
        if (firstAt === 0) {
          firstAt = performance.now() - at;
          head = new TextDecoder().decode(chunk.subarray(0, 200));
        }
        bytes += chunk.length;
        if (previous === NEWLINE && chunk[0] === NEWLINE) lines++;
        for (let i = chunk.indexOf(NEWLINE); i >= 0; i = chunk.indexOf(NEWLINE, i + 1)) if (chunk[i + 1] === NEWLINE) lines++;
        previous = chunk.at(-1) ?? 0;
      }
      if (response.status !== 200 || !head.includes('"code":0')) throw new Error(`${response.status} ${head}`);
      items += lines;
      first.push(firstAt);
      whole.push(performance.now() - at);
    } catch (cause) {
      failed++;
      sample ??= String(cause);
    }
  }

  async function worker(): Promise<void> {
    while (performance.now() < until && started < limit) {
      started++;
      await call();
    }
  }

  await Promise.all(Array.from({ length: options.concurrency }, worker));
  const seconds = (performance.now() - began) / 1000;
  return {
    calls: whole.length,
    failed,
    callsPerSecond: whole.length / seconds,
    itemsPerSecond: items / seconds,
    megabytesPerSecond: bytes / seconds / 1e6,
    firstItemMs: quantiles(first),
    wholeMs: quantiles(whole),
    seconds,
    ...(sample !== undefined && { sample }),
  };
}

function quantiles(values: number[]): [number, number] {
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
  return [at(0.5), at(0.99)];
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? "{}") as LoadOptions;
  console.log(JSON.stringify(await load(options)));
}
