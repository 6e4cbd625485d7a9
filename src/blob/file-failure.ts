import { dirname } from "node:path";
import { errorMessage } from "../lib/describe-error.ts";
import { hasCode } from "../lib/system-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

/** A path that leads through a file, or to a folder, is no blob either. */
export async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
    throw error;
  }
}

/** Turns failures of the file system into `internal` errors that name the file and what to do. */
export async function explained<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFailure(error, { action, path });
  }
}

/** The error for a failure of the file system; a `DaemonError` stays what it is. */
export function fileFailure(
  error: unknown,
  { action, path }: { readonly action: string; readonly path: string },
): DaemonError {
  if (error instanceof DaemonError) return error;
  const { reason, hint } = explain(error, path);
  return new DaemonError("internal", `Cannot ${action} "${path}": ${reason}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

function explain(error: unknown, path: string): { readonly reason: string; readonly hint?: string } {
  const folder = dirname(path);
  if (hasCode(error, "ENOSPC", "EDQUOT"))
    return {
      reason: "no space is left on its disk",
      hint: `Free some space on the disk that holds "${folder}" and try again; nothing was half-written`,
    };
  if (hasCode(error, "EROFS"))
    return { reason: "its file system is read-only", hint: `Mount "${folder}" for writing` };
  if (hasCode(error, "EACCES", "EPERM"))
    return {
      reason: "the file system does not allow it",
      hint: `Give the user that runs plugd access to "${folder}" and all files in it`,
    };
  return { reason: errorMessage(error) };
}
