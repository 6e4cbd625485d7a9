/** One call of a function, as it came; the body is complete. */
export interface FunctionCall {
  /** Of the URL; the body says the same. */
  readonly action: string;
  readonly sessionId: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** W3C trace context, handed on. */
  readonly traceparent: string | undefined;
}

/** One process of a function that answers calls. */
export interface FunctionInstance {
  /** Counts from 1 for each function since the connector started. */
  readonly number: number;
  readonly pid: number;
  /** Resolves when the process has really ended: why, as one text. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * Resolves with the head of the answer; its body is read at the caller's pace. Rejects, also while the body is read,
   * when the process ends or the signal aborts, which ends the request.
   */
  call(call: FunctionCall, signal: AbortSignal): Promise<Response>;
  /** SIGTERM, and SIGKILL after a grace. Idempotent. */
  stop(): Promise<void>;
}
