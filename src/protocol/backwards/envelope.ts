/** One call of a plugin back to the platform, told apart from its envelope. */
export interface BackwardsRequest {
  readonly type: string;
  /** Chosen by the plugin, only echoed. */
  readonly requestId: string;
  readonly request: Readonly<Record<string, unknown>>;
}

/** The message is no call back; the plugin's own call ends with this detail. */
export class MalformedCallError extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = "MalformedCallError";
  }
}

/** Reads what stands in an `invoke` message (contract/backwards-invocation 1.1, 1.3). Throws `MalformedCallError`. */
export function readBackwardsRequest(value: unknown): BackwardsRequest {
  if (value === null) throw new MalformedCallError("invoke request is empty");
  if (!isObject(value))
    throw new MalformedCallError(`unmarshal invoke request failed: it is ${kindOf(value)}, not an object`);
  const { type, backwards_request_id: requestId, request } = value;
  if (typeof type !== "string") throw missing("type", { wanted: "a text", value: type });
  if (typeof requestId !== "string") throw missing("request_id", { wanted: "a text", value: requestId });
  if (!isObject(request)) throw missing("request", { wanted: "an object", value: request });
  return { type, requestId, request };
}

function missing(
  what: string,
  { wanted, value }: { readonly wanted: string; readonly value: unknown },
): MalformedCallError {
  const problem = value === undefined ? "it is not there" : `it is ${kindOf(value)}, not ${wanted}`;
  return new MalformedCallError(`invoke request missing ${what}: ${problem}`);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
