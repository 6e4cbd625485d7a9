const MAX_CAUSES = 8;

/** Any thrown value in one line: its message, and those of its causes after colons. */
export function describeError(error: unknown): string {
  return causes(error)
    .map((cause) => (cause instanceof Error ? cause.message || cause.name : plain(cause)))
    .join(": ");
}

/** The message of any thrown value, without those of its causes. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stack of an error and of its causes, as lines. */
export function errorStack(error: Error): string {
  return causes(error)
    .map((cause) =>
      cause instanceof Error ? (cause.stack ?? `${cause.name}: ${cause.message}`) : plain(cause),
    )
    .join("\nCaused by: ");
}

/** The error and what it was caused by, outermost first. Ends at a circle, too. */
function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  let current = error;
  while (current !== undefined && current !== null && chain.length < MAX_CAUSES && !chain.includes(current)) {
    chain.push(current);
    current = current instanceof Error ? current.cause : undefined;
  }
  return chain;
}

function plain(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return `${value}`;
  // An object may hold anything, secrets included, and was not made to be shown.
  return `[${typeof value}]`;
}
