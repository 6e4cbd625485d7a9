export interface InnerApiErrorOptions extends ErrorOptions {
  /** `answered`: the platform works and says no; the others are outages, which operators want to know of. */
  readonly kind: "answered" | "status" | "unreachable" | "timeout" | "broken";
}

/** `opening`: it never began to answer as it should; `reading`: it broke while it answered. */
export class InnerApiError extends Error {
  readonly phase: "opening" | "reading";
  readonly kind: InnerApiErrorOptions["kind"];
  constructor(phase: "opening" | "reading", message: string, options: InnerApiErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "InnerApiError";
    this.phase = phase;
    this.kind = options.kind;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "the platform closed the connection",
  ENOTFOUND: "the host is not known",
};

/** Why a request failed, without the advice that the engine's own message gives. */
export function describeNetworkError(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return WORDS[code] ?? cause.message;
}
