import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { writeFileAtomic } from "../lib/atomic-file.ts";

/** What a running daemon leaves in its folder for the commands: where it answers. */
export interface DaemonRecord {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  /** RFC 3339. */
  readonly started_at: string;
}

const FILE = "daemon.json";

const Stored = Type.Object({
  url: Type.String(),
  pid: Type.Integer(),
  version: Type.String(),
  started_at: Type.String(),
});

/** What is there: of a daemon that runs, or, for whoever has the folder to itself, of one that could not remove it. */
export async function readDaemonRecord(folder: string): Promise<DaemonRecord | undefined> {
  const text = await readFile(join(folder, FILE), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const stored: unknown = JSON.parse(text);
    return Value.Check(Stored, stored) ? stored : undefined;
  } catch {
    // Another program wrote it; its next writer replaces it.
    return undefined;
  }
}

/** Writes `daemon.json`; answers how to remove it. */
export async function writeDaemonRecord(folder: string, record: DaemonRecord): Promise<() => Promise<void>> {
  const path = join(folder, FILE);
  await writeFileAtomic(path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  return () => rm(path, { force: true });
}
