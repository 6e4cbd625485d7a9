/** Ends a request with its owner, or when its time is over. */
export interface RequestLimit {
  readonly signal: AbortSignal;
  /** In words, once it has ended the request. */
  why(): string | undefined;
  /** The request is over, and read to its end or given up; nothing is left behind. */
  close(): void;
}

/** Counts from now. */
export function openLimit(owner: AbortSignal, timeoutMs: number): RequestLimit {
  const controller = new AbortController();
  let why: string | undefined;

  function end(reason: string): void {
    why ??= reason;
    controller.abort(new Error(reason));
  }

  const onAbort = () => end("the call has ended");
  const timer = setTimeout(
    () => end(`it took longer than ${timeoutMs} ms (DIFY_BACKWARDS_INVOCATION_READ_TIMEOUT)`),
    timeoutMs,
  );
  if (owner.aborted) onAbort();
  else owner.addEventListener("abort", onAbort, { once: true });

  return {
    signal: controller.signal,
    why: () => why,
    close() {
      clearTimeout(timer);
      owner.removeEventListener("abort", onAbort);
    },
  };
}
