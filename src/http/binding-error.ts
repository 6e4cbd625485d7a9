/** One field that a request did not give as the route needs it. */
export interface FieldProblem {
  /** The field's name in the validator's style, such as `PluginUniqueIdentifiers[0]`. */
  readonly field: string;
  /** The rule that it breaks, such as `required` or `max`. */
  readonly rule: string;
}

/**
 * The request could not be bound to what its route takes: answered with HTTP 400 on every route, or 413 where its body
 * is too large, before anything was looked up (contract/http-api 1.5). Failures after that are `DaemonError`s.
 */
export class BindingError extends Error {
  /** Which failure the envelope names. */
  readonly code: "bad_request" | "invalid_identifier" | "too_large";

  constructor(message: string, code: BindingError["code"] = "bad_request") {
    super(message);
    this.name = "BindingError";
    this.code = code;
  }
}

/** All problems of one request, in the format that clients know. */
export function fieldError(problems: readonly FieldProblem[]): BindingError {
  const lines = problems.map(
    ({ field, rule }) => `Key: '${field}' Error:Field validation for '${field}' failed on the '${rule}' tag`,
  );
  return new BindingError(lines.join("\n"));
}
