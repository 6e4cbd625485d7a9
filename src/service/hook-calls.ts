import { DaemonError } from "../protocol/daemon-error.ts";
import { createHookReply, type HookHead } from "../protocol/hook-reply.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { Invocation } from "../protocol/invocation.ts";
import type { EndpointRow, EndpointStore, InstallationRow, InstallationStore } from "../store/store.ts";
import type { FindEndpointDeclaration } from "./endpoint-declarations.ts";
import { readSettings } from "./endpoint-management.ts";
import type { EndpointSecrets, SecretsCall } from "./endpoint-secrets.ts";
import type { InvokePlugin } from "./invoke-plugin.ts";

/** An endpoint that can be called, and who serves it. */
export interface HookTarget {
  readonly endpoint: EndpointRow;
  readonly installation: InstallationRow;
}

/** A call of a hook that the plugin has. */
export interface HookCall {
  /** Its items are pieces of the body, in hex. */
  readonly invocation: Invocation;
  /** Complete when the first piece is there, or the end. */
  readonly head: HookHead;
}

/** Calls of endpoints from outside (contract/backwards-invocation 5.2). */
export interface HookCalls {
  /** Throws `hook_not_found`, or `not_found` for one that is disabled. Cheap, also for the many that there are not. */
  find(hookId: string): Promise<HookTarget>;
  /** `request` is a whole HTTP message. Starts the plugin if it does not run, and waits for it. */
  open(target: HookTarget, request: Buffer, call: SecretsCall): Promise<HookCall>;
}

export interface HookCallsDeps {
  readonly endpoints: Pick<EndpointStore, "byHook">;
  readonly installations: Pick<InstallationStore, "find">;
  readonly findDeclaration: FindEndpointDeclaration;
  readonly secrets: Pick<EndpointSecrets, "decrypt">;
  readonly plugins: Pick<InvokePlugin, "invoke">;
}

const LOOKUP_FAILED = "internal server error";

export function createHookCalls(deps: HookCallsDeps): HookCalls {
  return {
    async find(hookId) {
      const endpoint = await withoutDetails(LOOKUP_FAILED, () => deps.endpoints.byHook(hookId));
      if (!endpoint) throw new DaemonError("hook_not_found", "endpoint not found");
      const { tenantId, pluginId } = endpoint;
      const installation = await withoutDetails(LOOKUP_FAILED, () =>
        deps.installations.find(tenantId, pluginId),
      );
      if (!installation) throw new DaemonError("hook_not_found", "plugin installation not found");
      requireIdentifier(installation.identifier);
      if (!endpoint.enabled) throw new DaemonError("not_found", "endpoint not found");
      return { endpoint, installation };
    },

    async open({ endpoint, installation }, request, call) {
      const { tenantId, pluginId } = endpoint;
      const { identifier, runtimeType } = installation;
      const section = (await deps.findDeclaration(identifier))?.section;
      if (!section) throw new DaemonError("plugin_not_found", "plugin not found");
      const of = { tenantId, userId: "", endpointId: endpoint.id, section };
      const settings = await withoutDetails("failed to decrypt settings", () =>
        deps.secrets.decrypt(of, readSettings(endpoint), call),
      );
      const reply = createHookReply();
      const { signal, ...headers } = call;
      const invocation = await withoutDetails("no available node, the plugin does not run", () =>
        deps.plugins.invoke(
          { tenantId, pluginId, identifier, runtimeType },
          {
            type: "endpoint",
            action: "invoke_endpoint",
            session: {
              conversationId: null,
              messageId: null,
              appId: null,
              endpointId: endpoint.id,
              context: null,
            },
            data: {
              user_id: "",
              type: "endpoint",
              action: "invoke_endpoint",
              raw_http_request: request.toString("hex"),
              settings,
            },
            decodeItem: reply.decodeItem,
            headers,
            requestBytes: request.length,
          },
          signal,
        ),
      );
      return {
        invocation,
        get head() {
          return reply.head;
        },
      };
    },
  };
}

/**
 * Strangers call hooks. What an operator needs to know of an outage (the platform's address and answer, folders, what a
 * plugin wrote before it died) stands in the cause, for the log.
 */
async function withoutDetails<T>(message: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof DaemonError && (cause.code === "internal" || cause.code === "unavailable"))
      throw new DaemonError(cause.code, message, { cause });
    throw cause;
  }
}
