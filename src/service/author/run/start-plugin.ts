import { join } from "node:path";
import type { Logger } from "../../../lib/logger.ts";
import { createSlots } from "../../../lib/slots.ts";
import { readPackage } from "../../../package/read-package.ts";
import { toOneLine } from "../../../protocol/actions/one-line.ts";
import type { Invocation } from "../../../protocol/invocation.ts";
import type { PluginError } from "../../../protocol/plugin-error.ts";
import { createSdkCodec } from "../../../protocol/sdk/codec.ts";
import { createLocalRuntime } from "../../../runtime/local/local-runtime.ts";
import { createMemoryLimiter } from "../../../runtime/local/memory-limiter.ts";
import type { ReportStage } from "../../../runtime/local/prepare.ts";
import { createProvisioner } from "../../../runtime/local/provisioner.ts";
import { createSpawnStarter } from "../../../runtime/local/spawn.ts";
import { installLauncher } from "../../../runtime/local/spawn-launcher.ts";
import type { BackwardsCall } from "../../../session/sessions.ts";
import type { AuthorSettings } from "../author-settings.ts";
import { mockPlatform } from "./mock-platform.ts";

export interface StartPluginOptions {
  readonly settings: AuthorSettings;
  /** Of this run alone: the plugin, its environment and what starts it lie below. */
  readonly folder: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly report: ReportStage;
}

export interface PluginCallRequest {
  /** `tool`, `model`, … */
  readonly type: string;
  readonly action: string;
  readonly userId: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A call that is open. */
export interface OpenCall {
  readonly invocation: Invocation;
  /** Set before the end where a call back of the plugin was no call back. */
  readonly failure: () => PluginError | undefined;
}

/** A plugin that runs for its author, with a made-up platform behind it. */
export interface RunningPlugin {
  /** Its items are the plugin's own, unchecked. Rejects where the plugin cannot be had. */
  call(request: PluginCallRequest, signal: AbortSignal): Promise<OpenCall>;
  /** Ends it by force. Idempotent. */
  close(): Promise<void>;
}

const NO_CONTEXT = {
  conversationId: null,
  messageId: null,
  appId: null,
  endpointId: null,
  context: null,
} as const;

/**
 * Unpacks a package, prepares its environment and starts it, as the daemon does; resolves with its first heartbeat.
 * Rejects with a `DaemonError` where the package, its preparation or its start fails; nothing is left running then.
 */
export async function startPlugin(bytes: Uint8Array, options: StartPluginOptions): Promise<RunningPlugin> {
  const { settings, folder, log, signal, report } = options;
  const plugin = await readPackage(bytes, { maxUncompressedBytes: Number.MAX_SAFE_INTEGER, publicKeys: [] });
  const { permission } = plugin.declaration.resource;
  const calls = new Map<
    string,
    { readonly type: string; failure: PluginError | undefined; end?: () => void }
  >();
  const memory = await createMemoryLimiter({ log });

  function onBackwardsCall(call: BackwardsCall): void {
    const open = calls.get(call.sessionId);
    if (!open) return;
    const reply = mockPlatform(call.request, { permission, callType: open.type });
    if (reply.kind === "malformed") {
      open.failure = {
        error_type: "invoke_dify_error",
        message: `invoke dify failed: ${reply.detail}`,
        args: {},
      };
      open.end?.();
      return;
    }
    const { requestId } = reply;
    const send = async () => {
      for (const event of reply.events) await call.reply({ backwards_request_id: requestId, ...event });
    };
    send().catch((error: unknown) => log.debug("Plugin is gone before its answer", { error }));
  }

  const runtime = createLocalRuntime({
    source: {
      identifier: plugin.identifier,
      declaration: plugin.declaration,
      load: () => Promise.resolve(plugin.files),
    },
    provisioner: createProvisioner({ settings: settings.local, log }),
    starter: createSpawnStarter({
      launcher: await installLauncher({ folders: [join(folder, "run")] }),
      memory,
    }),
    slots: createSlots(1),
    settings: settings.runtime,
    createCodec: createSdkCodec,
    log,
    onBackwardsCall,
    onState: () => undefined,
  });
  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= (async () => {
      await runtime.kill();
      await memory.close();
    })());

  try {
    await runtime.ensureReady({ report, signal });
  } catch (error) {
    await close();
    throw error;
  }

  return {
    async call({ type, action, userId, fields }, callSignal) {
      const sessionId = crypto.randomUUID();
      const open: { type: string; failure: PluginError | undefined; end?: () => void } = {
        type,
        failure: undefined,
      };
      calls.set(sessionId, open);
      try {
        const invocation = await runtime.invoke(
          {
            sessionId,
            session: NO_CONTEXT,
            data: { ...fields, user_id: userId, type, action },
            decodeItem: (_, raw) => toOneLine(raw),
            // The limit of a whole call is also how long the daemon would let it drain.
            timeoutMs: settings.runtime.drainMs,
          },
          callSignal,
        );
        open.end = () => invocation.cancel();
        if (open.failure) invocation.cancel();
        void invocation.ended.then(() => calls.delete(sessionId));
        return { invocation, failure: () => open.failure };
      } catch (error) {
        calls.delete(sessionId);
        throw error;
      }
    },
    close,
  };
}
