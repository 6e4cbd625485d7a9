import { createCallingStand } from "./calling-stand.ts";
import { createDialectStand } from "./dialect-stand.ts";
import { createListStand } from "./list-stand.ts";
import { measureBytes } from "./measure-bytes.ts";
import { measureCallsBack } from "./measure-calls-back.ts";
import { measureDialect } from "./measure-dialect.ts";
import { measureFirstCall } from "./measure-first-call.ts";
import { measureFootprint } from "./measure-footprint.ts";
import { measureHooks } from "./measure-hooks.ts";
import { measureItems } from "./measure-items.ts";
import { measureLatency } from "./measure-latency.ts";
import { measureLists } from "./measure-lists.ts";
import { measureLlmCpu } from "./measure-llm-cpu.ts";
import { measureRequests } from "./measure-requests.ts";
import { measureRestart } from "./measure-restart.ts";
import { measureStorage } from "./measure-storage.ts";
import { measureUpload } from "./measure-upload.ts";
import { measureWatchers } from "./measure-watchers.ts";
import type { Measure } from "./measure.ts";
import type { Part } from "./options.ts";
import { createRelayStand } from "./relay-stand.ts";
import type { RunSettings } from "./run-settings.ts";
import { createSdkStand } from "./sdk-stand.ts";

export interface Measured {
  readonly measures: readonly (Measure & { readonly part: Part })[];
  /** What could not be measured, and why. */
  readonly skipped: readonly { readonly part: Part; readonly reason: string }[];
}

type Steps = Partial<Readonly<Record<Part, () => Promise<readonly Measure[]>>>>;

/** Measurements that share what they need; it is built for the first of them and gone after the last. */
interface Group {
  readonly parts: readonly Part[];
  open(settings: RunSettings, parts: readonly Part[]): Promise<Steps>;
}

const GROUPS: readonly Group[] = [
  {
    parts: ["a", "b", "c", "d", "f"],
    async open(settings) {
      const stand = await createRelayStand(settings.scope, settings.program);
      return {
        a: () => measureRequests(stand, settings),
        b: () => measureItems(stand, settings),
        c: () => measureBytes(stand, settings),
        d: () => measureLatency(stand, settings),
        f: () => measureLlmCpu(stand, settings),
      };
    },
  },
  {
    parts: ["e"],
    open: async (settings) => ({ e: () => measureFootprint(settings) }),
  },
  {
    parts: ["g", "h"],
    async open(settings, parts) {
      const { scope, program, quick } = settings;
      const count = quick ? 3 : parts.includes("h") ? 10 : 5;
      const stand = await createSdkStand(scope, { program, count });
      return { g: () => measureFirstCall(stand, settings), h: () => measureRestart(stand, settings) };
    },
  },
  {
    parts: ["i"],
    async open(settings) {
      const { scope, program, quick } = settings;
      const stand = await createListStand(scope, { program, count: quick ? 20 : 100 });
      return { i: () => measureLists(stand, settings) };
    },
  },
  {
    parts: ["j"],
    open: async (settings) => ({ j: () => measureUpload(settings) }),
  },
  {
    parts: ["k", "l", "m"],
    async open(settings) {
      const stand = await createCallingStand(settings.scope, settings.program);
      return {
        k: () => measureCallsBack(stand, settings),
        l: () => measureStorage(stand, settings),
        m: () => measureHooks(stand, settings),
      };
    },
  },
  {
    parts: ["n", "o", "p"],
    async open(settings) {
      const stand = await createDialectStand(settings.scope, settings.program);
      const { debug, plain } = stand;
      return {
        n: () => measureDialect(stand, { way: "debugging", target: debug }, settings),
        o: () => measureDialect(stand, { way: "plain", target: plain }, settings),
        p: () => measureWatchers(stand, settings),
      };
    },
  },
];

/** With what to do about it, where the error knows. */
function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "hint" in cause && typeof cause.hint === "string"
    ? `${cause.message}\n${cause.hint}`
    : cause.message;
}

/** Measures one part after the other; a part that fails is told and does not keep the others from it. */
export async function measureAll(
  settings: RunSettings,
  options: {
    readonly parts: readonly Part[];
    readonly signal: AbortSignal;
    readonly say: (text: string) => void;
  },
): Promise<Measured> {
  const { signal, say } = options;
  const measures: (Measure & { readonly part: Part })[] = [];
  const skipped: { readonly part: Part; readonly reason: string }[] = [];

  function skip(part: Part, cause: unknown): void {
    const reason = describe(cause);
    if (!signal.aborted) say(`${part}: NOT MEASURED: ${reason}`);
    skipped.push({ part, reason });
  }

  async function runGroup(group: Group, parts: readonly Part[]): Promise<void> {
    const scope = settings.scope.nest();
    try {
      const steps = await group.open({ ...settings, scope }, parts);
      for (const part of parts) {
        if (signal.aborted) return;
        const began = performance.now();
        try {
          const found = (await steps[part]?.()) ?? [];
          measures.push(...found.map((measure) => ({ part, ...measure })));
          say(`${part}: measured in ${((performance.now() - began) / 1000).toFixed(1)} s`);
        } catch (cause) {
          skip(part, cause);
        }
      }
    } catch (cause) {
      for (const part of parts) skip(part, cause);
    } finally {
      await scope.close();
    }
  }

  for (const group of GROUPS) {
    const parts = group.parts.filter((part) => options.parts.includes(part));
    if (parts.length > 0 && !signal.aborted) await runGroup(group, parts);
  }
  return { measures: measures.toSorted((a, b) => (a.part < b.part ? -1 : a.part > b.part ? 1 : 0)), skipped };
}
