import type { PluginError } from "./plugin-error.ts";

/** Ids and context that travel unchanged from the dispatch request to the plugin. Absent means `null` on the wire. */
export interface SessionContext {
  readonly conversationId: string | null;
  readonly messageId: string | null;
  readonly appId: string | null;
  readonly endpointId: string | null;
  /** Opaque object or null, copied verbatim. */
  readonly context: unknown;
}

/** What the daemon says to a plugin, in no dialect. */
export type DaemonMessage =
  | {
      readonly kind: "request";
      readonly sessionId: string;
      readonly session: SessionContext;
      /** `user_id`, `type`, `action` and the fields of the action. */
      readonly data: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: "backwards_response";
      readonly sessionId: string;
      readonly session: SessionContext;
      /** JSON text on one line, so that the platform's own digits arrive. */
      readonly data: string;
    }
  | { readonly kind: "cancel"; readonly sessionId: string }
  /** Asks for a sign of life, where the dialect lets the daemon ask. */
  | { readonly kind: "heartbeat" }
  /** To a plugin that stands at a breakpoint: go on. */
  | { readonly kind: "continue" }
  /** Asks for a hot reload. */
  | { readonly kind: "reload" };

/** What a plugin says to the daemon, in no dialect. */
export type PluginEvent =
  /** One result item. `raw` is exactly the JSON text of `value` as the plugin wrote it. */
  | { readonly kind: "item"; readonly sessionId: string; readonly raw: string; readonly value: unknown }
  | { readonly kind: "end"; readonly sessionId: string }
  | { readonly kind: "error"; readonly sessionId: string; readonly error: PluginError }
  /** A call back to the platform; `request` is what stood in the session message's `data`, unchecked. */
  | { readonly kind: "invoke"; readonly sessionId: string; readonly request: unknown; readonly raw: string }
  /** A message that breaks the protocol in a way that ends its session (unknown type). */
  | { readonly kind: "broken"; readonly sessionId: string; readonly error: PluginError }
  | { readonly kind: "heartbeat" }
  /** `timestamp` as the plugin wrote it, where it is a text. */
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string; readonly timestamp?: string }
  | Breakpoint
  | Reload
  /** Whatever is no message: the manifest line, a `print`, an `error` event without effect on a session. */
  | { readonly kind: "noise"; readonly text: string }
  /** A line above the limit was dropped; `sessionId` where its beginning told it. */
  | {
      readonly kind: "oversize";
      readonly sessionId: string | undefined;
      readonly sizeBytes: number;
      readonly limitBytes: number;
    };

/** The plugin stands at a breakpoint until it is told to go on (contract/plain-protocol 5). */
export interface Breakpoint {
  readonly kind: "breakpoint";
  /** Whose call it is, where the plugin says so. */
  readonly sessionId: string | undefined;
  readonly file: string;
  readonly line: number;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** The plugin has loaded its code anew, or has failed to. */
export interface Reload {
  readonly kind: "reload";
  /** `success`, or whatever the plugin calls its failure. */
  readonly status: string;
  readonly message: string;
  /** Unchecked. Left out where it did not change. */
  readonly declaration?: unknown;
}

/** Levels of the daemon's log; a plugin's own level names are mapped onto them (contract/plugin-wire 0.2). */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A dialect: how messages look on the wire. Pure, one instance per connection. */
export interface Codec {
  /** Name for logs: `sdk` or `plain`. */
  readonly name: string;
  /** Decodes a block of complete lines, newest last. Never throws: what is no message becomes `noise`. */
  decode(block: string): PluginEvent[];
  /** Decodes what is known of a line that was dropped for its size; what cannot be a message is `noise`. */
  decodeOversize(head: string, sizeBytes: number, limitBytes: number): PluginEvent;
  /** One line with its terminator, or undefined where the dialect has no such message. */
  encode(message: DaemonMessage): string | undefined;
  /** To be called for a message that was encoded and dropped before the peer could read it. */
  unsent?(message: DaemonMessage): void;
}
