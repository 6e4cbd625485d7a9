import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import { createKeyedLock } from "../../../lib/keyed-lock.ts";
import type { LocalSettings } from "../settings.ts";
import type { Tools } from "../tools.ts";
import { fileStamp } from "./file-stamp.ts";
import type { InterpreterCandidate } from "./interpreter.ts";
import { probeInterpreter, type ProbeOutcome } from "./probe-interpreter.ts";
import { listPythonPlaces, type PythonPlace } from "./python-places.ts";

/** Finds the interpreters of this machine; what each said is remembered until its file changes. */
export interface InterpreterFinder {
  /** With `PYTHON_INTERPRETER_PATH` only that one. Rejects only with the signal's reason. */
  find(signal: AbortSignal): Promise<readonly InterpreterCandidate[]>;
}

/** Asked at once; each is a short-lived process. */
const PARALLEL_PROBES = 4;
/** Older ones cannot run any SDK, and are not worth a process. */
const TOO_OLD_VERSION = /\/(?:cpython-)?(?:2\.\d+|3\.[0-7])(?:\.\d+)?(?:[/-]|$)/;
const TOO_OLD_NAME = /\/python(?:2(?:\.\d+)?|3\.[0-7])$/;

export function createInterpreterFinder(
  settings: Pick<LocalSettings, "hostEnv" | "interpreterPath">,
  options: { readonly tools: Tools; readonly installPath: string },
): InterpreterFinder {
  const known = new Map<string, { readonly stamp: string; readonly outcome: ProbeOutcome }>();
  // Whoever comes while the interpreters are asked gets the same answers.
  const lock = createKeyedLock();

  async function ask(path: string, signal: AbortSignal): Promise<ProbeOutcome> {
    const stamp = await fileStamp(path);
    if (stamp === undefined) return { kind: "failed", problem: "there is no such file" };
    const before = known.get(path);
    if (before?.stamp === stamp) return before.outcome;
    const outcome = await probeInterpreter(path, { tools: options.tools, signal });
    // A machine that is busy now may answer later.
    if (outcome.kind === "answered" || outcome.problem !== "it does not answer")
      known.set(path, { stamp, outcome });
    return outcome;
  }

  async function candidate(place: PythonPlace, signal: AbortSignal): Promise<InterpreterCandidate> {
    const { path: foundAt, origin } = place;
    if (isTooOld(place)) return { foundAt, origin, interpreter: undefined, problem: "it is older than 3.8" };
    const outcome = await ask(foundAt, signal);
    return outcome.kind === "answered"
      ? { foundAt, origin, interpreter: outcome.interpreter, problem: undefined }
      : { foundAt, origin, interpreter: undefined, problem: outcome.problem };
  }

  return {
    find: (signal) =>
      lock.run(
        "find",
        async () => {
          const { interpreterPath } = settings;
          if (interpreterPath !== undefined)
            return [await candidate({ path: interpreterPath, origin: "setting" }, signal)];
          const places = await distinct(await listPythonPlaces(settings.hostEnv, options));
          const candidates = await mapInParallel(places, (place) => candidate(place, signal));
          return withoutRepeats(candidates);
        },
        { signal },
      ),
  };
}

function isTooOld({ path, origin }: PythonPlace): boolean {
  if (origin === "setting") return false;
  const named = origin === "pyenv" || origin === "uv";
  return TOO_OLD_NAME.test(path) || (named && TOO_OLD_VERSION.test(path));
}

/** One place per program: `python3`, `python` and the virtual environments of one Python are the same file. */
async function distinct(places: readonly PythonPlace[]): Promise<PythonPlace[]> {
  const seen = new Map<string, PythonPlace>();
  for (const place of places) {
    const real = await realpath(place.path).catch(() => undefined);
    if (real === undefined) continue;
    // Some shims are links to a program that looks at the name it is called by.
    const path = basename(real).startsWith("python") ? real : place.path;
    if (!seen.has(path)) seen.set(path, { ...place, path });
  }
  return [...seen.values()];
}

function withoutRepeats(candidates: readonly InterpreterCandidate[]): InterpreterCandidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ interpreter }) => {
    if (!interpreter) return true;
    if (seen.has(interpreter.path)) return false;
    seen.add(interpreter.path);
    return true;
  });
}

async function mapInParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) {
      const item = items[at];
      if (item !== undefined) results[at] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_PROBES }, worker));
  return results;
}
