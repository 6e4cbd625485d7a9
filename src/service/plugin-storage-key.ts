import { posix } from "node:path";
import { DaemonError } from "../protocol/daemon-error.ts";

const MAX_KEY_BYTES = 256;

/**
 * The path that a key stands for: two spellings of one path are one key, and a slash at its beginning says nothing.
 * Throws `bad_request` with the reference's words for keys that lead elsewhere (contract/backwards-invocation 3.2).
 */
export function cleanKey(key: string): string {
  // Half a surrogate pair has no bytes of its own; the reference reads it as U+FFFD, too.
  const path = posix.normalize(key.toWellFormed()).replace(/\/$/, "");
  if (path.includes("..") || path.includes("\\"))
    throw new DaemonError("bad_request", "invalid key: path traversal attempt detected");
  return path.replace(/^\//, "") || ".";
}

/** Only new values are refused: what lies under a longer key already can be read and deleted. */
export function checkKeyLength(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new DaemonError("bad_request", "key length must be less than 256 characters");
}
