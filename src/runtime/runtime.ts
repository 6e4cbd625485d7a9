import type { TraceHeaders } from "../lib/traceparent.ts";
import type { PluginPermission } from "../protocol/declaration.ts";
import type { SessionContext } from "../protocol/messages.ts";
import type { FunctionUsage, Invocation, ItemDecoder } from "../protocol/invocation.ts";
import type { OnBackwardsCall } from "../session/backwards.ts";

export type RuntimeKind = "local" | "remote" | "serverless";

/** One request for a plugin, before it has a session. */
export interface InvocationRequest {
  readonly sessionId: string;
  readonly session: SessionContext;
  /** `user_id`, `type`, `action` and the fields of the action. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly decodeItem: ItemDecoder;
  /** For functions, which are asked over HTTP: the trace that their request belongs to. */
  readonly trace?: TraceHeaders;
  /** Called once, when the plugin's first item is there. */
  readonly onFirstItem?: () => void;
  /** Called when a function says what the call has cost it. */
  readonly onUsage?: (usage: FunctionUsage) => void;
  /** Answers the plugin's calls back to the platform, which belong to this session. */
  readonly onBackwardsCall: OnBackwardsCall;
  /** Limit in time of the whole call, counted from when the plugin has the request. */
  readonly timeoutMs: number;
}

/** What can run a plugin: a supervised process here, a developer's connection, a cloud function. */
export interface PluginRuntime {
  readonly kind: RuntimeKind;
  readonly identifier: string;
  /** What the manifest of the running plugin allows it to ask of the platform. */
  readonly permission: PluginPermission | undefined;
  /**
   * Opens a session. Starts the plugin if it does not run, and holds the request meanwhile, within bounds. The signal is
   * the client's leaving: it ends the waiting, and later the session, at any moment until all of it was taken.
   * Rejects with a `DaemonError` when the plugin cannot be had; nothing was executed then.
   */
  invoke(request: InvocationRequest, signal: AbortSignal): Promise<Invocation>;
  readonly status: RuntimeStatus;
  /** Left out where nobody can look into the plugin. */
  readonly debug?: DebugAccess;
}

/** A running plugin as those see it who debug it. */
export interface DebugAccess {
  /** Limits in time rest: that of one call, or where it is not known which one stands still, those of all that may. */
  pauseLimits(sessionId: string | undefined): void;
  resumeLimits(): void;
  /** Limits go on; answers whether the plugin was told to go on, too, which not every dialect can say. */
  resume(): Promise<boolean>;
  /** Answers whether the plugin was told to load its code anew. */
  reload(): Promise<boolean>;
}

export interface RuntimeStatus {
  readonly state: "stopped" | "preparing" | "starting" | "ready" | "waiting" | "failed" | "stopping";
  /** Of the running process, if there is one here. */
  readonly pid?: number;
  readonly restarts: number;
  /** Why it failed last. */
  readonly lastFailure?: string;
  /** Sessions that are open. */
  readonly sessions: number;
}
