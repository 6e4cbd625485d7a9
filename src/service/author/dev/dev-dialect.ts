import { isRecord } from "../../../lib/is-record.ts";
import type { PluginDeclaration } from "../../../protocol/declaration.ts";
import { parseJson } from "../../../protocol/line.ts";
import type { Runner } from "../../../protocol/runner.ts";

/** A line of the daemon, as far as somebody in between has to know. */
export type DaemonLine =
  | { readonly kind: "request"; readonly id: string; readonly sessionId: string }
  /** Belongs to a call: an answer to a call back, a cancel. Without an id that cannot be told. */
  | { readonly kind: "of_call"; readonly id: string | undefined }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "reload" }
  /** The connection is not taken; the daemon's words. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "other" };

/** The same of a line of the plugin. */
export type PluginLine =
  | { readonly kind: "end"; readonly id: string | undefined }
  | { readonly kind: "of_call"; readonly id: string | undefined }
  | { readonly kind: "heartbeat" }
  /** Said at the start, and of no use to anybody. */
  | { readonly kind: "greeting" }
  | { readonly kind: "other" };

export interface DevFailure {
  readonly type: string;
  readonly message: string;
}

/** One of the dialects, as it looks to somebody between the daemon and a plugin. */
export interface DevDialect {
  /** Sent to the daemon in the plugin's place: somebody is there. */
  readonly beat: string;
  /** Sent to a plugin, which answers with its first sign of life; undefined where it gives one unasked. */
  readonly ask: string | undefined;
  /** What a connection begins with. */
  registration(plugin: {
    readonly key: string;
    readonly declaration: PluginDeclaration;
    readonly assets: ReadonlyMap<string, Uint8Array>;
  }): Iterable<string>;
  /** Says over the open connection that the declaration has changed; undefined where that takes a new one. */
  readonly redeclare: ((declaration: PluginDeclaration) => string) | undefined;
  /** Says that a reload was done that the daemon had asked for. */
  readonly reloaded: string | undefined;
  ofDaemon(line: string): DaemonLine;
  ofPlugin(line: string): PluginLine;
  failure(call: { readonly id: string; readonly sessionId: string }, failure: DevFailure): string;
}

/** Raw bytes of one chunk; those of the SDK have 8192. */
const CHUNK_BYTES = 96 * 1024;
const KINDS = ["tool", "model", "endpoint", "agent_strategy", "datasource", "trigger"] as const;

export function devDialect({ dialect, liveness }: Pick<Runner, "dialect" | "liveness">): DevDialect {
  return dialect === "sdk" ? SDK : plain(liveness === "asked");
}

function json(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function record(line: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(line);
  return isRecord(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The SDK's (contract/plugin-wire 0, 2.3). A call is known by its session. */
const SDK: DevDialect = {
  beat: json({ event: "heartbeat", session_id: null, data: {} }),
  ask: undefined,
  *registration({ key, declaration, assets }) {
    yield json({ type: "handshake", data: { key } });
    const {
      tool,
      model,
      endpoint,
      agent_strategy,
      datasource,
      trigger,
      verified: _,
      ...manifest
    } = declaration;
    yield json({ type: "manifest_declaration", data: manifest });
    const providers = { tool, model, endpoint, agent_strategy, datasource, trigger };
    for (const kind of KINDS) {
      const provider = providers[kind];
      if (provider !== undefined) yield json({ type: `${kind}_declaration`, data: [provider] });
    }
    for (const [filename, bytes] of assets)
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const chunk = Buffer.from(bytes.subarray(at, at + CHUNK_BYTES)).toString("base64");
        const end = at + CHUNK_BYTES >= bytes.length;
        yield json({ type: "asset_chunk", data: { filename, data: chunk, end } });
      }
    yield json({ type: "end", data: {} });
  },
  redeclare: undefined,
  reloaded: undefined,
  ofDaemon(line) {
    const message = record(line);
    // Refusals are plain text.
    if (!message) return { kind: "refused", why: line };
    const id = text(message["session_id"]);
    if (message["event"] === "request" && id !== undefined) return { kind: "request", id, sessionId: id };
    return id === undefined ? { kind: "other" } : { kind: "of_call", id };
  },
  ofPlugin(line) {
    const message = record(line);
    if (!message) return { kind: "other" };
    const { event, data } = message;
    if (event === "heartbeat") return { kind: "heartbeat" };
    if (event === undefined && message["type"] === "plugin") return { kind: "greeting" };
    const id = text(message["session_id"]);
    if (event !== "session" || id === undefined) return { kind: "other" };
    const type = isRecord(data) ? data["type"] : undefined;
    return { kind: type === "end" || type === "error" ? "end" : "of_call", id };
  },
  failure: ({ sessionId }, { type, message }) =>
    json({
      event: "session",
      session_id: sessionId,
      data: { type: "error", data: { error_type: type, message, args: {} } },
    }),
};

/** The plain one (contract/plain-protocol). A call is known by its request. */
function plain(asked: boolean): DevDialect {
  return {
    beat: json({ type: "heartbeat_ack" }),
    ask: asked ? json({ type: "heartbeat", action: "heartbeat" }) : undefined,
    registration: ({ key, declaration }) => [
      json({
        type: "auth",
        api_key: key,
        plugin_id: `${declaration.author}/${declaration.name}`,
        declaration,
      }),
    ],
    reloaded: json({ type: "reload", status: "success", message: "Plugin reloaded successfully" }),
    redeclare: (declaration) =>
      json({ type: "reload", status: "success", message: "The declaration has changed", declaration }),
    ofDaemon(line) {
      const message = record(line);
      if (!message) return { kind: "refused", why: line };
      const id = text(message["request_id"]);
      switch (message["type"]) {
        case "invoke":
          return id === undefined
            ? { kind: "other" }
            : { kind: "request", id, sessionId: text(message["session_id"]) ?? "" };
        case "cancel":
          return { kind: "of_call", id };
        case "heartbeat":
        case "reload":
          return { kind: message["type"] };
        case "auth_failed": {
          const error = message["error"];
          return { kind: "refused", why: (isRecord(error) ? text(error["message"]) : undefined) ?? line };
        }
        default:
          return { kind: "other" };
      }
    },
    ofPlugin(line) {
      const message = record(line);
      if (!message) return { kind: "other" };
      const id = text(message["request_id"]);
      switch (message["type"] ?? (message["status"] === undefined ? undefined : "response")) {
        case "heartbeat_ack":
          return { kind: "heartbeat" };
        case "response":
        case "stream_end":
          return { kind: "end", id };
        case "stream_start":
        case "stream_chunk":
          return { kind: "of_call", id };
        default:
          return { kind: "other" };
      }
    },
    failure: ({ id, sessionId }, { type, message }) =>
      json({
        type: "response",
        session_id: sessionId,
        request_id: id,
        status: "error",
        error: { type, message, code: "PLUGIN_UNDER_DEVELOPMENT" },
      }),
  };
}
