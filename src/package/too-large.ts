import { DaemonError } from "../protocol/daemon-error.ts";

/** A package that unpacks to more than `limit` bytes. The words are the contract's (plugin-package 1.3). */
export function packageTooLarge(limit: number): DaemonError {
  return new DaemonError(
    "bad_request",
    `plugin package size is too large, please ensure the uncompressed size is less than ${limit} bytes`,
  );
}
