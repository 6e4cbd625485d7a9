import { readdir, readFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { getHeapSnapshot } from "node:v8";
import { heapStats } from "bun:jsc";
import { pause } from "../lib/pause.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

/** Looks into this very process, for those who wonder what it does. */
export interface Profiler {
  /**
   * Where time goes for a while, as a `.cpuprofile` that browsers' developer tools open. One at a time: throws
   * `overloaded` while another runs. Ends early with the signal.
   */
  cpu(options: { readonly seconds: number; readonly signal: AbortSignal }): Promise<string>;
  /** Everything in memory, secrets too, as a `.heapsnapshot`. Stops the process while it is taken. */
  heap(): ReadableStream<Uint8Array>;
  /** How many objects of each kind there are. */
  counts(): Readonly<Record<string, number>>;
  /** Names of the threads; none where the system does not tell. */
  threads(): Promise<readonly string[]>;
}

const SAMPLING_US = 1000;
const TASKS = "/proc/self/task";

export function createProfiler(): Profiler {
  let busy = false;

  async function record(seconds: number, signal: AbortSignal): Promise<string> {
    const session = new Session();
    session.connect();
    try {
      await session.post("Profiler.enable");
      await session.post("Profiler.setSamplingInterval", { interval: SAMPLING_US });
      await session.post("Profiler.start");
      await pause(seconds * 1000, signal);
      const { profile } = await session.post("Profiler.stop");
      return JSON.stringify(profile);
    } finally {
      session.disconnect();
    }
  }

  return {
    async cpu({ seconds, signal }) {
      if (busy) throw new DaemonError("overloaded", "Cannot profile: another profile is being taken");
      busy = true;
      try {
        return await record(seconds, signal);
      } finally {
        busy = false;
      }
    },
    heap() {
      const chunks = getHeapSnapshot()[Symbol.asyncIterator]();
      return new ReadableStream({
        async pull(controller) {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(typeof value === "string" ? Buffer.from(value) : value);
        },
      });
    },
    counts: () => heapStats().objectTypeCounts,
    async threads() {
      const ids = await readdir(TASKS).catch(() => []);
      const names = ids.map((id) => readFile(`${TASKS}/${id}/comm`, "utf8").catch(() => ""));
      return (await Promise.all(names)).map((name) => name.trim()).filter((name) => name !== "");
    },
  };
}
