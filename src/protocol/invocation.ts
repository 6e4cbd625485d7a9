import type { PluginError } from "./plugin-error.ts";

/**
 * Turns one item of a plugin into the JSON text that goes to the platform: checked, normalised where the contract
 * wants it, else the plugin's own text. Undefined: nothing to send yet (a chunk of a blob that is being collected).
 * Throws `ItemError` when the item breaks the contract; the session ends with it.
 */
export type ItemDecoder = (value: unknown, raw: string) => string | undefined;

export class ItemError extends Error {
  readonly error: PluginError;
  constructor(error: PluginError) {
    super(error.message);
    this.name = "ItemError";
    this.error = error;
  }
}

/** How a session ended. */
export type InvocationEnd =
  | { readonly kind: "completed" }
  /** The plugin reported it, or broke the protocol, or its process or connection ended. */
  | { readonly kind: "plugin_error"; readonly error: PluginError }
  | { readonly kind: "connection_closed"; readonly error: PluginError }
  /** `PLUGIN_MAX_EXECUTION_TIMEOUT` was reached. */
  | { readonly kind: "timeout" }
  /** The client could not keep up and the plugin's buffer was needed by others. */
  | { readonly kind: "overflow"; readonly error: PluginError }
  /** The consumer left. */
  | { readonly kind: "cancelled" };

/** What `take` hands over. Items come before the end, and the end comes once. */
export interface Taken {
  /** JSON texts, in order. Empty only when `end` is set. */
  readonly items: readonly string[];
  readonly end?: InvocationEnd;
}

/** What a function says of its own effort (article 5.3.2). */
export interface FunctionUsage {
  readonly executionMs: number | undefined;
  readonly memoryMb: number | undefined;
}

/** One running session, seen by its one consumer. Pull it: what is not taken is held, within the plugin's budget. */
export interface Invocation {
  readonly sessionId: string;
  /**
   * All that is queued; waits when nothing is. The bytes taken count as delivered at the next `take`,
   * so await the client's socket in between. Never rejects. After the end it answers the end again.
   */
  take(): Promise<Taken>;
  /** The consumer leaves: the queue is dropped, the plugin is told where its dialect can. Idempotent. */
  cancel(): void;
  /** Resolves once with the end, also when nobody takes any more. */
  readonly ended: Promise<InvocationEnd>;
  /** What the plugin delivered so far: items, and the characters of their texts. */
  readonly delivered: { readonly items: number; readonly bytes: number };
}
