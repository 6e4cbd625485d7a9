type Fetch = (request: Request) => Response | Promise<Response>;

export interface BodyLimitOptions {
  /** For every request but those below. */
  readonly maxBytes: number;
  /** Ends of the paths whose bodies are not held in memory; the listener's limit is theirs. */
  readonly except: readonly string[];
}

/**
 * Answers 413 for a body that says it is too large, as the listener does above its own limit. That one has to let
 * bundles pass, and must not let a JSON text of the same size into memory.
 */
export function limitBodies(fetch: Fetch, { maxBytes, except }: BodyLimitOptions): Fetch {
  return (request) => {
    const announced = Number(request.headers.get("content-length") ?? 0);
    if (announced <= maxBytes || except.some((end) => new URL(request.url).pathname.endsWith(end)))
      return fetch(request);
    return new Response(null, { status: 413 });
  };
}
