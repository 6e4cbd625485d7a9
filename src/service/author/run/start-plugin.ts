import { join } from "node:path";
import type { Logger } from "../../../lib/logger.ts";
import { createSlots } from "../../../lib/slots.ts";
import { readPackage } from "../../../package/read-package.ts";
import { toOneLine } from "../../../protocol/actions/one-line.ts";
import type { Invocation } from "../../../protocol/invocation.ts";
import { createCodecFor } from "../../../protocol/runner.ts";
import { createLocalRuntime } from "../../../runtime/local/local-runtime.ts";
import { createMemoryLimiter } from "../../../runtime/local/memory-limiter.ts";
import type { ReportStage } from "../../../runtime/local/prepare.ts";
import { createProvisioner } from "../../../runtime/local/provisioner.ts";
import { createSpawnStarter } from "../../../runtime/local/spawn.ts";
import { installLauncher } from "../../../runtime/local/spawn-launcher.ts";
import type { BackwardsCall } from "../../../session/backwards.ts";
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

/** A plugin that runs for its author, with a made-up platform behind it. */
export interface RunningPlugin {
  /** Its items are the plugin's own, unchecked. Rejects where the plugin cannot be had. */
  call(request: PluginCallRequest, signal: AbortSignal): Promise<Invocation>;
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
  const memory = await createMemoryLimiter({ log });

  async function answer(call: BackwardsCall, callType: string): Promise<void> {
    const reply = mockPlatform(call.request, { permission, callType });
    if (reply.kind === "malformed") {
      call.fail({
        error_type: "invoke_dify_error",
        message: `invoke dify failed: ${reply.detail}`,
        args: {},
      });
      return;
    }
    const { requestId } = reply;
    try {
      for (const event of reply.events)
        await call.reply(JSON.stringify({ backwards_request_id: requestId, ...event }));
    } catch (error) {
      log.debug("Plugin is gone before its answer", { error });
    }
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
    createCodec: createCodecFor,
    log,
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
    call({ type, action, userId, fields }, callSignal) {
      return runtime.invoke(
        {
          sessionId: crypto.randomUUID(),
          session: NO_CONTEXT,
          data: { ...fields, user_id: userId, type, action },
          decodeItem: (_, raw) => toOneLine(raw),
          onBackwardsCall: (call) => answer(call, type),
          // The limit of a whole call is also how long the daemon would let it drain.
          timeoutMs: settings.runtime.drainMs,
        },
        callSignal,
      );
    },
    close,
  };
}
