import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { writeFileAtomic } from "../../../lib/atomic-file.ts";
import type { KeyedLock } from "../../../lib/keyed-lock.ts";
import { succeeded } from "../../../lib/run-command.ts";
import type { Tools } from "../tools.ts";
import { fileStamp } from "./file-stamp.ts";

/** What is in an environment; stands beside its folder as `<key>.json`, written when the folder is complete. */
export const EnvironmentRecord = Type.Object({
  schema: Type.Literal(1),
  interpreter: Type.Object({ path: Type.String(), version: Type.String(), platform: Type.String() }),
  distributions: Type.Array(
    Type.Object({ name: Type.String(), version: Type.String(), source: Type.String() }),
  ),
  /** `uv` or `pip`. */
  installer: Type.String(),
  /** Times in ISO 8601. */
  created: Type.String(),
  lastUsed: Type.String(),
});
export type EnvironmentRecord = Static<typeof EnvironmentRecord>;

export interface Environment {
  readonly key: string;
  /** Its folder. */
  readonly path: string;
  readonly python: string;
  readonly record: EnvironmentRecord;
}

/** Builds an environment at `path`, which does not exist; resolves with what is to be recorded. */
export type BuildEnvironment = (
  path: string,
) => Promise<Omit<EnvironmentRecord, "schema" | "created" | "lastUsed">>;

/**
 * Python environments by key. They are built where they stay, for they cannot be moved; the record is written last,
 * and a folder without one is never used.
 */
export interface Environments {
  /** The environment if it is complete and its Python works; else undefined. */
  open(key: string, signal: AbortSignal): Promise<Environment | undefined>;
  /** As `open`, or builds it. Who asks for a key that is being built waits for it. */
  ensure(key: string, build: BuildEnvironment, options: EnsureOptions): Promise<Environment>;
  /** Keeps `collect` away from an environment until the returned function is called. */
  hold(key: string): () => void;
  /** Removes every environment that is neither held nor in use. */
  collect(inUse: () => Promise<ReadonlySet<string>>): Promise<void>;
}

export interface EnsureOptions {
  readonly signal: AbortSignal;
  /** Called when another installation has to be waited for. */
  readonly onWait: () => void;
}

const KEY = /^[0-9a-f]{32}$/;
/** `lastUsed` is for people who clean up; it need not be exact. */
const LAST_USED_GRAIN_MS = 3_600_000;

export function createEnvironments(
  envsPath: string,
  options: { readonly tools: Tools; readonly lock: KeyedLock },
): Environments {
  const { tools, lock } = options;
  const held = new Map<string, number>();
  /** Pythons that were seen to work, with the state of their file then. */
  const working = new Map<string, string>();
  const building = new Set<string>();

  const pathOf = (key: string) => join(envsPath, key);
  const recordOf = (key: string) => join(envsPath, `${key}.json`);

  async function open(key: string, signal: AbortSignal): Promise<Environment | undefined> {
    const record = await readRecord(recordOf(key));
    if (!record) return undefined;
    const path = pathOf(key);
    const python = join(path, "bin/python");
    const stamp = await fileStamp(python);
    if (stamp === undefined) return undefined;
    if (working.get(key) !== stamp) {
      if (!(await answers(python, { record, signal, tools }))) return undefined;
      working.set(key, stamp);
    }
    const now = Date.now();
    const used = { ...record, lastUsed: new Date(now).toISOString() };
    if (now - Date.parse(record.lastUsed) > LAST_USED_GRAIN_MS)
      await writeFileAtomic(recordOf(key), JSON.stringify(used, null, 2));
    return { key, path, python, record: used };
  }

  async function build(key: string, make: BuildEnvironment): Promise<EnvironmentRecord> {
    const path = pathOf(key);
    await remove(key);
    await mkdir(envsPath, { recursive: true });
    try {
      const made = await make(path);
      const now = new Date().toISOString();
      const record: EnvironmentRecord = { schema: 1, ...made, created: now, lastUsed: now };
      await writeFileAtomic(recordOf(key), JSON.stringify(record, null, 2));
      return record;
    } catch (error) {
      // The first error is the one that tells; what stays behind is removed by the next attempt.
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
  }

  async function remove(key: string): Promise<void> {
    working.delete(key);
    await rm(recordOf(key), { force: true });
    await rm(pathOf(key), { recursive: true, force: true });
  }

  return {
    open,
    async ensure(key, make, { signal, onWait }) {
      if (building.has(key)) onWait();
      return lock.run(
        key,
        async () => {
          const there = await open(key, signal);
          if (there) return there;
          building.add(key);
          try {
            const record = await build(key, make);
            const path = pathOf(key);
            return { key, path, python: join(path, "bin/python"), record };
          } finally {
            building.delete(key);
          }
        },
        { signal },
      );
    },
    hold(key) {
      held.set(key, (held.get(key) ?? 0) + 1);
      let released = false;
      return () => {
        if (released) return;
        released = true;
        const left = (held.get(key) ?? 1) - 1;
        if (left > 0) held.set(key, left);
        else held.delete(key);
      };
    },
    async collect(inUse) {
      const names = (await namesIn(envsPath)).map((name) => name.replace(/\.json$/, ""));
      const keys = new Set(names.filter((name) => KEY.test(name)));
      for (const key of keys.difference(await inUse())) {
        // One that is held may be building, which takes its time; it is nobody's leftover.
        if (held.has(key)) continue;
        await lock.run(key, async () => {
          // Asked again under the lock: whoever holds a key from now on waits for it, and builds it again.
          if (!(await inUse()).has(key) && !held.has(key)) await remove(key);
        });
      }
    },
  };
}

/** Undefined where the file is missing or no record. */
export async function readRecord(path: string): Promise<EnvironmentRecord | undefined> {
  try {
    const value: unknown = await Bun.file(path).json();
    return Value.Check(EnvironmentRecord, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A Python of the minor version that it was built for; a patch release from the system's updates is fine. */
async function answers(
  python: string,
  options: { readonly record: EnvironmentRecord; readonly signal: AbortSignal; readonly tools: Tools },
): Promise<boolean> {
  const script = "import sys; print('%d.%d' % sys.version_info[:2])";
  const result = await options.tools.run([python, "-I", "-S", "-c", script], {
    cwd: "/",
    signal: options.signal,
    timeoutMs: 10_000,
  });
  // A machine that is very busy says nothing about the environment, and other plugins may be running in it.
  if (result.end.kind === "timeout" || result.end.kind === "inactive") return true;
  const minor = options.record.interpreter.version.split(".").slice(0, 2).join(".");
  return succeeded(result) && result.stdout.trim() === minor;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
