import { DaemonError } from "../protocol/daemon-error.ts";

/** Throws `bad_request` with the reference's words, which name the first character that is none of hex. */
export function decodeHex(text: string): Uint8Array {
  const bytes = Buffer.from(text, "hex");
  if (bytes.length * 2 === text.length) return bytes;
  const bad = /[^0-9a-fA-F]/u.exec(text)?.[0];
  if (bad === undefined) throw new DaemonError("bad_request", "encoding/hex: odd length hex string");
  const code = bad.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
  throw new DaemonError("bad_request", `encoding/hex: invalid byte: U+${code} '${bad}'`);
}

export function encodeHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
