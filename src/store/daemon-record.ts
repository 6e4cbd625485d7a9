import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";

/** What a running daemon leaves in its folder for the commands: where it answers. */
export interface DaemonRecord {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  /** RFC 3339. */
  readonly started_at: string;
}

/** Writes `daemon.json`; answers how to remove it. */
export async function writeDaemonRecord(folder: string, record: DaemonRecord): Promise<() => Promise<void>> {
  const path = join(folder, "daemon.json");
  await writeFileAtomic(path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  return () => rm(path, { force: true });
}
