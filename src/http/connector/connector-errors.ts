import { errorMessage } from "../../lib/describe-error.ts";
import { DaemonError, type DaemonErrorCode } from "../../protocol/daemon-error.ts";
import { BindingError } from "../binding-error.ts";

interface Mapping {
  readonly status: number;
  /** As AWS Lambda names it, where it has a name. */
  readonly type: string;
}

/**
 * Statuses of the connector and its functions. A daemon tries 502 again, and 503 and 504 in the article's form: what
 * would fail the same way again must not be one of these.
 */
const MAPPINGS: Partial<Readonly<Record<DaemonErrorCode, Mapping>>> = {
  bad_request: { status: 400, type: "InvalidRequestContentException" },
  unauthorized: { status: 401, type: "Unauthorized" },
  not_found: { status: 404, type: "ResourceNotFoundException" },
  too_large: { status: 413, type: "RequestTooLargeException" },
  overloaded: { status: 429, type: "TooManyRequestsException" },
  plugin_failed: { status: 502, type: "Runtime.ExitError" },
  unavailable: { status: 503, type: "Runtime.StartError" },
  timeout: { status: 504, type: "Sandbox.Timedout" },
};
const INTERNAL: Mapping = { status: 500, type: "ServiceException" };

/**
 * A failure as both forms of daemons read it: `errorType` and `errorMessage` are AWS Lambda's (contract/plugin-wire
 * 3.4), `error` the article's (contract/plain-protocol 6).
 */
export function connectorFailure(error: unknown, requestId: string): Response {
  const { status, type } = mappingOf(error);
  const message = messageOf(error);
  return Response.json(
    { error: message, errorType: type, errorMessage: message, requestId },
    { status, headers: { "x-amzn-requestid": requestId } },
  );
}

export function statusOfFailure(error: unknown): number {
  return mappingOf(error).status;
}

function mappingOf(error: unknown): Mapping {
  if (error instanceof BindingError)
    return (error.code === "too_large" ? MAPPINGS.too_large : MAPPINGS.bad_request) ?? INTERNAL;
  return (error instanceof DaemonError ? MAPPINGS[error.code] : undefined) ?? INTERNAL;
}

function messageOf(error: unknown): string {
  const hint = error instanceof DaemonError ? error.hint : undefined;
  return hint === undefined ? errorMessage(error) : `${errorMessage(error)}\n${hint}`;
}
