import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import { hasCode } from "../lib/system-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

export interface ServerKey {
  readonly key: string;
  readonly path: string;
  /** It was made just now. */
  readonly created: boolean;
}

/** The key of a daemon that was given none: made at the first start, kept in a file that only its owner reads. */
export async function readServerKey(folder: string): Promise<ServerKey> {
  const path = join(folder, "server.key");
  try {
    const key = (await readFile(path, "utf8")).trim();
    if (key !== "") return { key, path, created: false };
  } catch (cause) {
    if (!hasCode(cause, "ENOENT"))
      throw new DaemonError("startup", `Cannot read the key in "${path}": ${String(cause)}`, {
        cause,
        hint: "Make the file readable for this user, remove it, or give a key with SERVER_KEY",
      });
  }
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  await writeFileAtomic(path, `${key}\n`, { mode: 0o600 });
  return { key, path, created: true };
}
