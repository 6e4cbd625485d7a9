import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { syncFolder, writeFileAtomic } from "../../lib/atomic-file.ts";
import type { Logger } from "../../lib/logger.ts";
import { parseIdentifier } from "../../protocol/identifier.ts";

/** A function that was launched. Unknown keys of its file are kept out. */
export type FunctionRecord = Static<typeof FunctionRecord>;
const FunctionRecord = Type.Object({
  /** Stands in its URL; cannot be guessed. */
  id: Type.String({ pattern: "^[a-z0-9_-]{1,100}$" }),
  /** For people; logs show it in place of the id. */
  name: Type.String({ minLength: 1 }),
  /** Of the plugin. */
  identifier: Type.String({ minLength: 1 }),
  created_at: Type.String(),
  /** How it is called. */
  form: Type.Union([Type.Literal("sdk"), Type.Literal("plain")]),
  /** Where it calls back, if the daemon that launched it said so; may hold a secret of that daemon. */
  daemon_url: Type.Optional(Type.String()),
  /** Key of the signatures of its calls, if the daemon that launched it gave one. */
  signature_secret: Type.Optional(Type.String()),
});

/** The functions of this connector, one file each; a file is there exactly when its function was launched. */
export interface FunctionRegistry {
  /** The oldest first. */
  list(): readonly FunctionRecord[];
  find(id: string): FunctionRecord | undefined;
  ofPlugin(identifier: string): FunctionRecord | undefined;
  /** Resolves when the record would survive a power cut. */
  save(record: FunctionRecord): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Files that cannot be read are left where they are, and logged; their functions are not there. */
export async function openFunctionRegistry(options: {
  readonly folder: string;
  readonly log: Pick<Logger, "error">;
}): Promise<FunctionRegistry> {
  const { folder, log } = options;
  const records = new Map<string, FunctionRecord>();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".json")) {
      // A write that was cut short.
      await rm(join(folder, name), { force: true });
      continue;
    }
    const path = join(folder, name);
    const record = decodeRecord(await readFile(path, "utf8"));
    if (record && `${record.id}.json` === name) records.set(record.id, record);
    else log.error("Cannot read the record of a function; launch it again", { path });
  }
  const pathOf = (id: string) => join(folder, `${id}.json`);

  return {
    list: () => [...records.values()].sort((a, b) => a.created_at.localeCompare(b.created_at)),
    find: (id) => records.get(id),
    ofPlugin: (identifier) => records.values().find((record) => record.identifier === identifier),
    async save(record) {
      await writeFileAtomic(pathOf(record.id), `${JSON.stringify(record)}\n`, { mode: 0o600 });
      records.set(record.id, record);
    },
    async remove(id) {
      records.delete(id);
      await rm(pathOf(id), { force: true });
      await syncFolder(folder);
    },
  };
}

function decodeRecord(text: string): FunctionRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The caller says so.
    return undefined;
  }
  return Value.Check(FunctionRecord, value) && parseIdentifier(value.identifier) ? value : undefined;
}
