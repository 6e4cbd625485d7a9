import type { Logger } from "../lib/logger.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { type Identifier, requireIdentifier } from "../protocol/identifier.ts";
import type { SessionContext } from "../protocol/messages.ts";
import type { InvocationRequest, PluginRuntime } from "../runtime/runtime.ts";
import type { Invocation, InvocationEnd, ItemDecoder } from "../protocol/invocation.ts";
import type { InstallationRow, RuntimeType, SessionOutcome } from "../store/store.ts";
import type { TraceHeaders } from "../lib/traceparent.ts";
import type { BackwardsCalls } from "./backwards-calls.ts";
import type { CallTrace, CallTraces } from "./call-trace.ts";
import type { Metrics } from "./metrics.ts";
import type { SessionRecorder } from "./session-recorder.ts";

export interface InvokePluginDeps {
  findInstallation(tenantId: string, pluginId: string): Promise<InstallationRow | undefined>;
  /** What runs a plugin that some tenant has installed; undefined when none has. */
  runtimeTypeOf(identifier: string): Promise<RuntimeType | undefined>;
  /** The runtime that serves an identifier; undefined when the plugin is not known here. */
  runtimeOf(identifier: string, runtimeType: RuntimeType): Promise<PluginRuntime | undefined>;
  /** Serves what plugins ask of the platform. */
  readonly backwards: BackwardsCalls;
  /** What a function's request carries; default: what came with the call. */
  readonly traceOf?: ((call: CallTrace) => TraceHeaders) | undefined;
  readonly traces: Pick<CallTraces, "begin">;
  readonly recorder: SessionRecorder;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Limit of a whole call in milliseconds. */
  readonly timeoutMs: number;
}

/** Whom a call goes to. */
export interface InvocationTarget {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  /** The caller named this very version; no upgrade of an installation moves the call to another one. */
  readonly direct?: true;
}

/** A checked and filled request of one action of the catalogue. */
export interface PluginCall {
  /** `tool`, `model`, … */
  readonly type: string;
  /** `invoke_tool`, … */
  readonly action: string;
  readonly session: SessionContext;
  /** As they go to the plugin; `user_id` is whom its calls back are for. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly decodeItem: ItemDecoder;
  /** What came with the request that asks for it, unchecked. Calls back to the platform carry it on. */
  readonly headers?: TraceHeaders;
  /** Characters of the request's body, for its trace. */
  readonly requestBytes?: number;
}

export interface InvokePlugin {
  /** Throws `plugin_not_found`, or `invalid_identifier` when the stored one is damaged. */
  resolve(tenantId: string, pluginId: string): Promise<InvocationTarget>;
  /** As `resolve`, for callers who name a version and no installation. Throws `unavailable` when nobody has installed it. */
  resolveDirect(identifier: Identifier): Promise<Omit<InvocationTarget, "tenantId">>;
  /** Opens the session. The client's leaving is the signal's abort: it ends everything of the call. */
  invoke(target: InvocationTarget, call: PluginCall, signal: AbortSignal): Promise<Invocation>;
}

/** Actions with many items: leaving one early is a disconnect; leaving any other after its item is the normal end. */
const STREAMING: ReadonlySet<string> = new Set([
  "invoke_tool",
  "invoke_llm",
  "invoke_tts",
  "invoke_agent_strategy",
  "invoke_website_datasource_get_crawl",
  "invoke_online_document_datasource_get_page_content",
  "invoke_online_drive_download_file",
]);

/** What a session asks of the runtime that serves it: its manifest says what the plugin may ask for in turn. */
type MakeRequest = (runtime: Pick<PluginRuntime, "permission">) => InvocationRequest;

/** Upgrades and reinstallations that may come in between before a call gives up. */
const MAX_TARGETS = 5;

export function createInvokePlugin(deps: InvokePluginDeps): InvokePlugin {
  const { recorder, metrics } = deps;

  async function resolve(tenantId: string, pluginId: string): Promise<InvocationTarget> {
    const row = await deps.findInstallation(tenantId, pluginId);
    if (!row) throw new DaemonError("plugin_not_found", "plugin not found");
    requireIdentifier(row.identifier);
    return { tenantId, pluginId, identifier: row.identifier, runtimeType: row.runtimeType };
  }

  /** Whether the plugin that the call was meant for is still the one that is installed. */
  async function isCurrent(target: InvocationTarget): Promise<boolean> {
    if (target.direct === true) return (await deps.runtimeTypeOf(target.identifier)) === target.runtimeType;
    const row = await deps.findInstallation(target.tenantId, target.pluginId);
    return row?.identifier === target.identifier && row.runtimeType === target.runtimeType;
  }

  /**
   * Since its target was found, a call may have waited for its body or for a start while the plugin was upgraded or
   * uninstalled. It goes to what is installed now, and starts nothing that is not.
   */
  async function open(
    target: InvocationTarget,
    { requestFor, signal }: { readonly requestFor: MakeRequest; readonly signal: AbortSignal },
  ): Promise<{ readonly invocation: Invocation; readonly target: InvocationTarget }> {
    let to = target;
    for (let tried = 1; tried <= MAX_TARGETS; tried++) {
      const runtime = await deps.runtimeOf(to.identifier, to.runtimeType);
      // Looked up once the runtime is known: whoever uninstalls it from here on finds it, too, and stops it.
      if (await isCurrent(to)) {
        if (!runtime) throw unavailable();
        try {
          return { invocation: await runtime.invoke(requestFor(runtime), signal), target: to };
        } catch (cause) {
          // Nothing was executed. Another runtime than before means that this one was stopped for good.
          const isRetired = (await deps.runtimeOf(to.identifier, to.runtimeType)) !== runtime;
          if (signal.aborted || !isRetired) throw cause;
        }
      }
      if (to.direct !== true) to = await resolve(to.tenantId, to.pluginId);
      else to = { ...(await resolveDirect(to)), tenantId: to.tenantId };
    }
    throw unavailable();
  }

  /** What runs it may have changed since. */
  async function resolveDirect({
    identifier,
    pluginId,
  }: Pick<InvocationTarget, "identifier" | "pluginId">): Promise<Omit<InvocationTarget, "tenantId">> {
    const runtimeType = await deps.runtimeTypeOf(identifier);
    if (!runtimeType) throw unavailable();
    return { pluginId, identifier, runtimeType, direct: true };
  }

  return {
    resolve,
    resolveDirect: ({ text: identifier, pluginId }) => resolveDirect({ identifier, pluginId }),

    async invoke(target, call, signal) {
      const { pluginId, runtimeType } = target;
      const began = performance.now();
      const family = { plugin_id: pluginId, plugin_type: call.type, runtime_type: runtimeType };
      const { session, data, decodeItem } = call;
      const sessionId = crypto.randomUUID();
      const { tenantId } = target;
      const tracer = deps.traces.begin({
        sessionId,
        tenantId,
        pluginId,
        identifier: target.identifier,
        runtimeType,
        type: call.type,
        action: call.action,
        requestBytes: call.requestBytes ?? 0,
        headers: call.headers ?? {},
      });
      const callsBack = deps.backwards.session({
        sessionId,
        pluginId,
        tenantId,
        userId: typeof data["user_id"] === "string" ? data["user_id"] : "",
        type: call.type,
        tracer,
      });
      const requestFor: MakeRequest = ({ permission }) => ({
        sessionId,
        session,
        data,
        decodeItem,
        trace: deps.traceOf?.(tracer.call) ?? tracer.call.headers,
        onFirstItem: tracer.firstItem,
        onUsage: tracer.used,
        onBackwardsCall: (callBack) => callsBack.answer(callBack, permission),
        timeoutMs: deps.timeoutMs,
      });
      metrics.invocationsActive.inc(family);
      let opened: Awaited<ReturnType<typeof open>>;
      try {
        opened = await open(target, { requestFor, signal });
      } catch (cause) {
        count(signal.aborted ? "client_disconnect" : "error");
        if (signal.aborted) tracer.end("client_disconnect");
        else tracer.end("not_opened", cause instanceof DaemonError ? cause.code : "internal");
        throw cause;
      }
      const { invocation } = opened;
      const { direct: _, ...whom } = opened.target;
      tracer.sent(opened.target, invocation.delivered);
      const recorded = recorder.begin(
        { id: sessionId, ...whom, type: call.type, action: call.action },
        tracer.call,
      );
      invocation.ended
        .then((end) => {
          const outcome = outcomeOf(end, call.action, invocation.delivered.items);
          tracer.end(outcome, "error" in end ? end.error.error_type : undefined);
          recorded.end(outcome);
          count(METRIC_STATUS[outcome]);
          tell(end);
        })
        // Nothing above throws; a promise must have a holder all the same.
        .catch(() => undefined);
      return invocation;

      /** What a plugin reports is its caller's affair, and its words may hold a credential: its type is enough here. */
      function tell(end: InvocationEnd): void {
        if (end.kind === "completed" || end.kind === "cancelled") return;
        const attributes = {
          plugin: opened.target.identifier.split("@", 1)[0],
          action: call.action,
          session: sessionId,
          took_ms: Math.round(performance.now() - began),
          items: invocation.delivered.items,
        };
        if (end.kind === "plugin_error")
          deps.log.info("Plugin reported an error", { ...attributes, error_type: end.error.error_type });
        else if (end.kind === "timeout") deps.log.warn("Plugin call took too long and was ended", attributes);
        else deps.log.warn("Plugin call was cut", { ...attributes, why: end.error.message });
      }

      function count(status: string): void {
        metrics.invocationsActive.dec(family);
        metrics.invocations.inc({ ...family, operation: call.action, status });
        metrics.invocationSeconds.observe(
          { ...family, operation: call.action },
          (performance.now() - began) / 1000,
        );
      }
    },
  };
}

/** Clients take a plugin for out of order when they read these words (contract/http-api 3.2). */
function unavailable(): DaemonError {
  return new DaemonError("unavailable", "no available node, plugin runtime not found");
}

const METRIC_STATUS: Readonly<Record<SessionOutcome, string>> = {
  success: "success",
  plugin_error: "error",
  client_disconnect: "client_disconnect",
  timeout: "timeout",
  connection_closed: "error",
  daemon_error: "error",
  daemon_exit: "error",
};

function outcomeOf(end: InvocationEnd, action: string, items: number): SessionOutcome {
  switch (end.kind) {
    case "completed":
      return "success";
    case "plugin_error":
      return "plugin_error";
    case "connection_closed":
      return "connection_closed";
    case "overflow":
      return "daemon_error";
    case "timeout":
      return "timeout";
    case "cancelled":
      return items > 0 && !STREAMING.has(action) ? "success" : "client_disconnect";
  }
}
