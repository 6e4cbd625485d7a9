import { isRecord } from "../../lib/is-record.ts";
import type { PluginError } from "../plugin-error.ts";

/** More than an error's `args` may have (contract/plugin-wire 0.3). */
const MAX_ARGS = 10;
const DEFAULT_TYPE = "PluginError";

/** A plugin's error as callers get it: its `type`, its `message`, and all else, `code` first of all, in `args`. */
export function readError(error: unknown): PluginError {
  if (typeof error === "string") return { error_type: DEFAULT_TYPE, message: error, args: {} };
  if (!isRecord(error))
    return {
      error_type: DEFAULT_TYPE,
      message: "The plugin reports an error without saying which",
      args: {},
    };
  const { type, message, ...rest } = error;
  return {
    error_type: typeof type === "string" && type !== "" ? type : DEFAULT_TYPE,
    message: typeof message === "string" ? message : "",
    args: Object.fromEntries(Object.entries(rest).slice(0, MAX_ARGS)),
  };
}
