import { isRecord } from "../../lib/is-record.ts";
import type { PluginError } from "../plugin-error.ts";

/** A function did not serve the request (contract/plugin-wire 3.4). */
export interface RuntimeFailure {
  readonly status: number;
  /** The first 4 KiB. */
  readonly body: string;
  readonly errorType?: string | null;
  readonly requestId?: string | null;
  /** Stands where neither a header nor the body names the error. */
  readonly fallback: string;
}

/** The daemon's own errors in the name of a function: transport, unreadable answers. */
export function innerError(message: string): PluginError {
  return { error_type: "PluginDaemonInnerError", message, args: null };
}

/** An error of the platform that runs the function, such as Lambda's `{"errorType","errorMessage","requestId"}`. */
export function runtimeError(failure: RuntimeFailure): PluginError {
  const said = parse(failure.body);
  const text = (key: string) => (typeof said[key] === "string" ? said[key] : "");
  const type = failure.errorType || text("errorType") || failure.fallback;
  const message = text("errorMessage");
  const requestId = failure.requestId || text("requestId");
  return {
    error_type: "PluginRuntimeError",
    message: `Plugin runtime request failed: ${type}${message === "" ? "" : `: ${message}`}`,
    args: { status_code: failure.status, ...(requestId !== "" && { request_id: requestId }) },
  };
}

/** A line of an answer that is Lambda's report of a failure. */
export function isRuntimeFailure(value: unknown): boolean {
  return isRecord(value) && typeof value["errorType"] === "string" && value["errorType"] !== "";
}

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) ? value : {};
  } catch {
    // A page of a gateway, or nothing.
    return {};
  }
}
