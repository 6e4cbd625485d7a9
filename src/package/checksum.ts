import { createHash } from "node:crypto";
import type { PackageFile } from "./package.ts";

/**
 * Checksum of a package, 64 lower-case hex digits (contract/plugin-package 4.1): of every file the hash of its path
 * and of its content, in the byte order of whole paths. Containers, comments and compression don't count.
 */
export function checksumOf(files: readonly PackageFile[]): string {
  const named = files.map(({ path, bytes }) => ({ name: Buffer.from(path), bytes }));
  named.sort((a, b) => Buffer.compare(a.name, b.name));
  const whole = createHash("sha256");
  for (const { name, bytes } of named) whole.update(sha256(name)).update(sha256(bytes));
  return whole.digest("hex");
}

/** Name under which an asset is stored: hash of content and name, with the extension of the name (3.3). */
export function assetId(bytes: Uint8Array, name: string): string {
  const file = name.slice(name.lastIndexOf("/") + 1);
  const dot = file.lastIndexOf(".");
  const hash = createHash("sha256").update(bytes).update(name).digest("hex");
  return hash + (dot < 0 ? "" : file.slice(dot));
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
