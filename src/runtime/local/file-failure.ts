import { DaemonError } from "../../protocol/daemon-error.ts";

/** What an operator can do about an error of the file system. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: free space there, then try again",
  EDQUOT: "The quota of the disk is used up: free space there, then try again",
  EROFS: "The file system is read-only: mount it writable, or choose another folder",
  EACCES: "The daemon may not write there: give it the folder, or choose another one",
  EPERM: "The daemon may not write there: give it the folder, or choose another one",
};

/**
 * An error of the file system as one that says what was being done, and in which folder. Errors of the daemon, and
 * whatever is no error of the file system, stay as they are.
 */
export function fileFailure(
  error: unknown,
  doing: { readonly action: string; readonly folder: string },
): unknown {
  if (error instanceof DaemonError || !(error instanceof Error) || !("code" in error)) return error;
  const { code } = error;
  const hint = typeof code === "string" ? HINTS[code] : undefined;
  if (hint === undefined) return error;
  return new DaemonError("unavailable", `${doing.action} in "${doing.folder}": ${error.message}`, {
    cause: error,
    hint,
  });
}
