import type { DaemonMessage, PluginEvent } from "../protocol/messages.ts";

/** Why a transport ended. */
export type CloseReason =
  | { readonly kind: "local" } // close() was called
  | { readonly kind: "peer" } // the plugin hung up
  | { readonly kind: "broken"; readonly cause: Error }; // framing or I/O failure

/** Thrown by `send` when the message can no longer have reached the plugin. */
export class TransportClosedError extends Error {
  constructor(label: string, reason: CloseReason) {
    super(
      `Cannot send to ${label}: the connection is closed (${reason.kind})`,
      reason.kind === "broken" ? { cause: reason.cause } : undefined,
    );
    this.name = "TransportClosedError";
  }
}

/**
 * An ordered, bidirectional message channel to one plugin.
 *
 * Moves valid messages and reports its own end. Sessions, retries and
 * supervision belong to `session/` and `runtime/`.
 */
export interface Transport {
  /** Name for logs, such as `stdio:4711` or `tcp:10.0.0.7:52114`. */
  readonly label: string;
  /**
   * Messages in arrival order, in batches (all that one read completed), for exactly one consumer.
   * Reading stops while the consumer does not pull. Ends on every kind of close; ask `closed` why.
   */
  readonly incoming: AsyncIterable<readonly PluginEvent[]>;
  /** Resolves once, with the first reason. Never rejects. */
  readonly closed: Promise<CloseReason>;
  /**
   * Resolves when the peer's buffer has taken the message. Rejects with `TransportClosedError` after the end, and with
   * the signal where that aborts a message that waits for its turn.
   */
  send(message: DaemonMessage, signal?: AbortSignal): Promise<void>;
  /** Ends both directions and frees the handles. Idempotent. */
  close(): Promise<void>;
}
