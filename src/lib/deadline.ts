/** Thrown by `withDeadline` when the time is over. */
export class DeadlineError extends Error {
  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms`);
    this.name = "DeadlineError";
  }
}

/** The promise's outcome, or a rejection after `ms` or when the signal aborts. The work itself goes on. */
export async function withDeadline<T>(
  work: Promise<T>,
  options: { readonly what: string; readonly ms: number; readonly signal?: AbortSignal },
): Promise<T> {
  const { signal } = options;
  // Whatever decides first: a rejection that nobody awaits any more must not end the process.
  work.catch(() => undefined);
  signal?.throwIfAborted();
  const stop = Promise.withResolvers<never>();
  const timer = setTimeout(() => stop.reject(new DeadlineError(options.what, options.ms)), options.ms);
  const onAbort = () => stop.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, stop.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Resolves to true when the work settled in time, to false otherwise. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timeUp = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeUp.resolve(false), ms);
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, timeUp.promise]);
  } finally {
    clearTimeout(timer);
  }
}
