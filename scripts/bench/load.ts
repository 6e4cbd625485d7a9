#!/usr/bin/env bun
/**
 * load.ts OPTIONS_JSON: calls a streaming route in a closed loop and prints one JSON line of results.
 *
 * It runs in a process of its own, so that what it costs is not counted as the daemon's.
 */
import { quantile } from "./statistics.ts";

export interface LoadTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the beginning of every answer holds; default: the code of a success. */
  readonly expected?: string;
}

export interface LoadOptions extends LoadTarget {
  readonly concurrency: number;
  /** No call begins after this time; those that are open then still count. */
  readonly seconds: number;
  /** Calls before that which are not counted, for as long as this. */
  readonly warmUpSeconds?: number;
  /** Calls in all; default: as many as the time allows. */
  readonly calls?: number;
}

export interface LoadResult {
  readonly calls: number;
  readonly failed: number;
  readonly items: number;
  readonly callsPerSecond: number;
  readonly itemsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Milliseconds at p50 and p99. */
  readonly firstItemMs: readonly [number, number];
  readonly wholeMs: readonly [number, number];
  readonly seconds: number;
  /** The first failure. */
  readonly sample?: string;
}

const NEWLINE = 10;

interface Tally {
  readonly firstMs: number[];
  readonly wholeMs: number[];
  items: number;
  bytes: number;
  failed: number;
  sample: string | undefined;
}

async function load(options: LoadOptions): Promise<LoadResult> {
  const { warmUpSeconds = 0, seconds, concurrency, calls = Number.POSITIVE_INFINITY } = options;
  if (warmUpSeconds > 0)
    await run(options, {
      tally: emptyTally(),
      seconds: warmUpSeconds,
      concurrency,
      calls: Number.POSITIVE_INFINITY,
    });
  const tally = emptyTally();
  const began = performance.now();
  await run(options, { tally, seconds, concurrency, calls });
  const took = (performance.now() - began) / 1000;
  const { firstMs, wholeMs, items, bytes, failed, sample } = tally;
  return {
    calls: wholeMs.length,
    failed,
    items,
    callsPerSecond: wholeMs.length / took,
    itemsPerSecond: items / took,
    megabytesPerSecond: bytes / took / 1e6,
    firstItemMs: [quantile(firstMs, 0.5), quantile(firstMs, 0.99)],
    wholeMs: [quantile(wholeMs, 0.5), quantile(wholeMs, 0.99)],
    seconds: took,
    ...(sample !== undefined && { sample }),
  };
}

function emptyTally(): Tally {
  return { firstMs: [], wholeMs: [], items: 0, bytes: 0, failed: 0, sample: undefined };
}

interface Run {
  readonly tally: Tally;
  readonly seconds: number;
  readonly concurrency: number;
  readonly calls: number;
}

async function run(target: LoadTarget, { tally, seconds, concurrency, calls }: Run): Promise<void> {
  const until = performance.now() + seconds * 1000;
  let started = 0;
  const worker = async () => {
    while (performance.now() < until && started < calls) {
      started++;
      await call(target, tally);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

async function call({ url, headers, body, expected = '"code":0' }: LoadTarget, tally: Tally): Promise<void> {
  const at = performance.now();
  let firstMs = 0;
  let head = "";
  let items = 0;
  let last = 0;
  try {
    const response = await fetch(url, { method: "POST", headers, body, proxy: false });
    for await (const chunk of response.body ?? []) {
      if (firstMs === 0) {
        firstMs = performance.now() - at;
        head = new TextDecoder().decode(chunk.subarray(0, 200));
      }
      tally.bytes += chunk.length;
      // Two newlines end an event, also when they come in two chunks.
      if (last === NEWLINE && chunk[0] === NEWLINE) items++;
      for (let i = chunk.indexOf(NEWLINE); i >= 0; i = chunk.indexOf(NEWLINE, i + 1))
        if (chunk[i + 1] === NEWLINE) items++;
      last = chunk.at(-1) ?? 0;
    }
    if (response.status !== 200 || !head.includes(expected)) throw new Error(`${response.status} ${head}`);
    tally.items += items;
    tally.firstMs.push(firstMs);
    tally.wholeMs.push(performance.now() - at);
  } catch (cause) {
    tally.failed++;
    tally.sample ??= String(cause);
  }
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? "{}") as LoadOptions;
  console.log(JSON.stringify(await load(options)));
}
