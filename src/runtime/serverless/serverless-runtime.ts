import { settlesWithin } from "../../lib/deadline.ts";
import type { Logger } from "../../lib/logger.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginPermission } from "../../protocol/declaration.ts";
import type { FunctionUsage } from "../../protocol/invocation.ts";
import type { Codec, DaemonMessage, PluginEvent } from "../../protocol/messages.ts";
import { createSessions, type Sessions } from "../../session/sessions.ts";
import { createExchangeTransport } from "../../transport/exchange.ts";
import type { InvocationRequest, PluginRuntime } from "../runtime.ts";
import type { FunctionTarget } from "./function-target.ts";
import { callPlainFunction, type PlainCallDeps } from "./plain-call.ts";
import { callSdkFunction, type SdkCallDeps } from "./sdk-call.ts";

export interface ServerlessRuntimeOptions {
  readonly identifier: string;
  /** The plugin in texts. */
  readonly label: string;
  readonly permission: PluginPermission | undefined;
  /** Where it is now; asked for every call, as a switch of the endpoint takes effect at once. */
  readonly findTarget: () => Promise<FunctionTarget | undefined>;
  readonly sdk: Omit<SdkCallDeps, "codec"> & { readonly createCodec: () => Codec };
  readonly plain: PlainCallDeps;
  readonly stallMs: number;
  readonly onUsage: (usage: FunctionUsage) => void;
  readonly log: Logger;
  /** Sessions that are open, for calls back. */
  readonly calls: OpenCalls;
}

/** The open calls of all functions, by their sessions. */
export interface OpenCalls {
  add(sessionId: string, call: OpenCall): void;
  remove(sessionId: string): void;
}

export interface OpenCall {
  readonly identifier: string;
  readonly sessions: Pick<Sessions, "callBack">;
}

/** A plugin as a function of a cloud. */
export interface ServerlessRuntime extends PluginRuntime {
  /** Told to stop for good: open calls end first, within the limit, then are cut; calls that come later are refused. */
  stop(options: { readonly drainMs: number }): Promise<void>;
}

/** Answers of one call that wait for its client. Each call has a connection of its own, which pauses alone. */
const CALL_BUFFER_BYTES = 2 * 1024 * 1024;

export function createServerlessRuntime(options: ServerlessRuntimeOptions): ServerlessRuntime {
  const { identifier, label, log } = options;
  /** How to cut each open call. */
  const open = new Map<string, () => Promise<void>>();
  let idle: PromiseWithResolvers<void> | undefined;
  let retired = false;

  function run(
    target: FunctionTarget,
    onUsage: (usage: FunctionUsage) => void,
  ): (
    request: Extract<DaemonMessage, { kind: "request" }>,
    signal: AbortSignal,
  ) => AsyncIterable<readonly PluginEvent[]> {
    if (target.protocol === "plain")
      return (request, signal) => callPlainFunction(options.plain, { request, target, signal, onUsage });
    const deps = { ...options.sdk, codec: options.sdk.createCodec() };
    return (request, signal) => callSdkFunction(deps, { request, target, signal });
  }

  function forget(sessionId: string): void {
    options.calls.remove(sessionId);
    open.delete(sessionId);
    if (open.size > 0) return;
    idle?.resolve();
    idle = undefined;
  }

  /** Clients know a passing outage by these first words (contract/http-api 3.2). */
  function notAvailable(what: string, hint?: string): DaemonError {
    return new DaemonError(
      "unavailable",
      `no available node, plugin runtime not found: plugin "${label}" ${what}`,
      hint === undefined ? {} : { hint },
    );
  }

  async function invoke(request: InvocationRequest, signal: AbortSignal) {
    if (retired) throw notAvailable("was stopped");
    const target = await options.findTarget();
    // Asked again: a stop may have come meanwhile, which waits for no call that it does not know.
    if (retired) throw notAvailable("was stopped");
    if (!target)
      throw notAvailable(
        "has no function, failed to get plugin runtime",
        "Install it again, or launch it with POST /admin/plugin/serverless/reinstall",
      );
    const { sessionId } = request;
    const transport = createExchangeTransport({
      label: `function:${target.name}`,
      run: run({ ...target, traceparent: request.trace?.traceparent }, (told) => {
        request.onUsage?.(told);
        options.onUsage(told);
      }),
    });
    const sessions = createSessions(transport, {
      label,
      budgetBytes: CALL_BUFFER_BYTES,
      stallMs: options.stallMs,
      onHeartbeat: () => undefined,
      onLog: (level, message) => log[level]("Plugin log", { plugin: label, message }),
      onNoise: (text) => log.debug("Plugin output", { plugin: label, text }),
      describeEnd: async () => ({
        error_type: "ConnectionClosedError",
        message: `Connection closed unexpectedly: plugin "${label}" was stopped while it was called`,
        args: {},
      }),
    });
    open.set(sessionId, () => transport.close());
    // Before the request leaves: a function may call back before its head has arrived.
    options.calls.add(sessionId, { identifier, sessions });
    try {
      const invocation = await sessions.open(request, signal);
      invocation.ended
        // However it ended: what the function still has to say is for nobody.
        .then(() => transport.close())
        .finally(() => forget(sessionId))
        // Nothing above throws; a promise must have a holder all the same.
        .catch(() => undefined);
      return invocation;
    } catch (cause) {
      await transport.close();
      forget(sessionId);
      throw cause;
    }
  }

  return {
    kind: "serverless",
    identifier,
    permission: options.permission,
    get status() {
      return { state: retired ? "stopped" : "ready", restarts: 0, sessions: open.size } as const;
    },
    invoke,
    async stop({ drainMs }) {
      retired = true;
      if (open.size > 0) {
        idle ??= Promise.withResolvers<void>();
        await settlesWithin(idle.promise, drainMs);
      }
      await Promise.all([...open.values()].map((cut) => cut()));
    },
  };
}
