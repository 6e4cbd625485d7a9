#!/usr/bin/env bun
/**
 * restart-load.ts TARGETS_JSON: calls each target in a loop of its own, through a restart of the daemon.
 *
 * After a line on stdin it prints a line when every target has answered a call that began since. At the end of stdin it
 * lets the open calls end and prints one JSON line of results. A refused connection is tried again, as nothing has
 * reached the daemon; everything else that is no success is a failed call.
 */
import { readLines } from "../../src/cli/lines.ts";
import type { LoadTarget } from "./load.ts";

export interface RestartLoadResult {
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
  /** A few of the failures, each kind once. */
  readonly samples: readonly string[];
}

const REFUSED_PAUSE_MS = 20;
/** Leaves the machine to the plugins that start. */
const PAUSE_MS = 10;
const MAX_SAMPLES = 5;

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? "[]") as LoadTarget[]);

async function main(targets: readonly LoadTarget[]): Promise<void> {
  const samples = new Set<string>();
  const tally = { answered: 0, refused: 0, failed: 0 };
  /** Targets that have not answered since the last mark. */
  let awaited = new Set<LoadTarget>();
  const state = { mark: 0, running: true };

  const loop = async (target: LoadTarget) => {
    while (state.running) {
      const marked = state.mark;
      const outcome = await call(target);
      if (outcome === "refused") {
        tally.refused++;
        await Bun.sleep(REFUSED_PAUSE_MS);
        continue;
      }
      if (outcome === "answered") {
        tally.answered++;
        if (marked === state.mark && awaited.delete(target) && awaited.size === 0) console.log("all");
      } else {
        tally.failed++;
        if (samples.size < MAX_SAMPLES) samples.add(outcome.failure);
      }
      await Bun.sleep(PAUSE_MS);
    }
  };
  const loops = targets.map(loop);
  for await (const _ of readLines(Bun.stdin.stream())) {
    state.mark++;
    awaited = new Set(targets);
  }
  state.running = false;
  await Promise.all(loops);
  const result: RestartLoadResult = { ...tally, samples: [...samples] };
  console.log(JSON.stringify(result));
}

async function call({
  url,
  headers,
  body,
}: LoadTarget): Promise<"answered" | "refused" | { readonly failure: string }> {
  try {
    const response = await fetch(url, { method: "POST", headers, body, proxy: false });
    const text = await response.text();
    const good = response.status === 200 && text.match(/"code":0/g)?.length === 2;
    return good ? "answered" : { failure: `${response.status} ${text.slice(0, 300)}` };
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    return code === "ConnectionRefused" || code === "ECONNREFUSED" ? "refused" : { failure: String(cause) };
  }
}
