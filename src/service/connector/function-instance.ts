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
  /**
   * What it speaks: the SDK's messages, or the article's. A call of a plain one that is given up leaves it in a state
   * that nobody knows.
   */
  readonly form: "sdk" | "plain";
  /** Calls that it can answer at the same time. */
  readonly maxCalls: number;
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
