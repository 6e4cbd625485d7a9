import { timingSafeEqual } from "node:crypto";
import { DaemonError } from "../protocol/daemon-error.ts";

/** A check of the key in a header; the comparison takes the same time for every wrong key. */
export function createKeyCheck(header: string, key: string): (request: Request) => void {
  const expected = digest(key);
  return (request) => {
    const given = request.headers.get(header);
    if (given === null || !timingSafeEqual(digest(given), expected))
      throw new DaemonError("unauthorized", "unauthorized");
  };
}

function digest(text: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(text).digest();
}
