import { errorMessage } from "../lib/describe-error.ts";
import { DaemonError, type DaemonErrorCode } from "../protocol/daemon-error.ts";
import { type PluginError, pluginErrorText } from "../protocol/plugin-error.ts";
import type { InvocationEnd } from "../protocol/invocation.ts";
import { BindingError } from "./binding-error.ts";

/** The failure half of the envelope (contract/http-api 1.6). */
export interface FailureEnvelope {
  readonly code: number;
  /** JSON text of `{"message","error_type","args"}`. */
  readonly message: string;
  readonly data: null;
}

interface Mapping {
  readonly code: number;
  readonly type: string;
  /** HTTP status where the route tells one. */
  readonly status: number;
}

/** Statuses and envelope codes of every error, in one place (contract/http-api 1.7, 1.8, 3.2). */
const MAPPINGS: Readonly<Record<DaemonErrorCode, Mapping>> = {
  internal: { code: -500, type: "PluginDaemonInternalServerError", status: 500 },
  bad_request: { code: -400, type: "PluginDaemonBadRequestError", status: 400 },
  too_large: { code: -400, type: "PluginDaemonBadRequestError", status: 413 },
  not_found: { code: -404, type: "PluginDaemonNotFoundError", status: 404 },
  // The status is for the world outside; the code is the reference's (contract/backwards-invocation 5.2).
  hook_not_found: { code: -400, type: "PluginDaemonBadRequestError", status: 404 },
  invalid_identifier: { code: -400, type: "PluginUniqueIdentifierError", status: 400 },
  plugin_not_found: { code: -404, type: "PluginNotFoundError", status: 404 },
  unauthorized: { code: -401, type: "PluginDaemonUnauthorizedError", status: 401 },
  permission_denied: { code: -403, type: "PluginPermissionDeniedError", status: 403 },
  plugin_failed: { code: -500, type: "PluginInvokeError", status: 500 },
  // 404 with -500: stream clients ignore the status and decode only code -500 (contract/http-api 6.2).
  unavailable: { code: -500, type: "PluginDaemonInternalServerError", status: 404 },
  timeout: { code: -500, type: "PluginDaemonInternalServerError", status: 500 },
  overloaded: { code: -500, type: "PluginDaemonInternalServerError", status: 503 },
  startup: { code: -500, type: "PluginDaemonInternalServerError", status: 500 },
};

/** Every code that a failure can have, the least first. */
export const FAILURE_CODES: readonly number[] = [
  ...new Set(Object.values(MAPPINGS).map(({ code }) => code)),
].toSorted((a, b) => a - b);

const BINDING_TYPES: Readonly<Record<BindingError["code"], string>> = {
  bad_request: MAPPINGS.bad_request.type,
  invalid_identifier: MAPPINGS.invalid_identifier.type,
  too_large: MAPPINGS.bad_request.type,
};

export function failure(code: number, type: string, message: string): FailureEnvelope {
  return { code, message: JSON.stringify({ message, error_type: type, args: null }), data: null };
}

export function failureOf(error: unknown): FailureEnvelope {
  if (error instanceof BindingError) return failure(-400, BINDING_TYPES[error.code], error.message);
  if (!(error instanceof DaemonError)) return failure(-500, MAPPINGS.internal.type, errorMessage(error));
  if (error.code === "plugin_failed" && error.plugin) return pluginFailure(error.plugin);
  const { code, type } = MAPPINGS[error.code];
  return failure(code, type, error.message);
}

export function pluginFailure(error: PluginError): FailureEnvelope {
  return failure(-500, MAPPINGS.plugin_failed.type, pluginErrorText(error));
}

/** HTTP status of a failed request; only `typed` routes tell it, the others answer 200 (contract/http-api 1.8). */
export function statusOf(error: unknown, options: { readonly typed: boolean }): number {
  if (error instanceof BindingError) return error.code === "too_large" ? 413 : 400;
  if (!(error instanceof DaemonError)) return 500;
  if (error.code === "unauthorized") return 401;
  return options.typed ? MAPPINGS[error.code].status : 200;
}

/**
 * How an operator has to be told of a failed request, whatever its status; undefined where the line of the request says
 * enough: the caller's mistakes, look-ups without a result, and what a plugin reports to its own caller.
 */
export function severityOf(error: unknown): "error" | "warn" | undefined {
  if (error instanceof BindingError) return undefined;
  if (!(error instanceof DaemonError)) return "error";
  if (error.code === "unavailable" || error.code === "timeout" || error.code === "overloaded") return "warn";
  return error.code === "internal" && error.cause !== undefined ? "warn" : undefined;
}

/** The frame that tells a stream's client how it ended; undefined where the end says all. */
export function endFailure(end: InvocationEnd): FailureEnvelope | undefined {
  switch (end.kind) {
    case "completed":
    case "cancelled":
      return undefined;
    case "plugin_error":
    case "connection_closed":
    case "overflow":
      return pluginFailure(end.error);
    case "timeout":
      return failure(-500, MAPPINGS.timeout.type, "killed by timeout");
  }
}
