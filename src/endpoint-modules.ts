import type { AnyElysia } from "elysia";
import type { ParsedConfig } from "./config/parse-config.ts";
import type { InnerApi } from "./dify/inner-api.ts";
import { createHookBodies } from "./http/hook-bodies.ts";
import { endpointRoutes } from "./http/routes/endpoint-management.ts";
import { hookRoutes } from "./http/routes/hooks.ts";
import { createKeyedLock } from "./lib/keyed-lock.ts";
import { pause } from "./lib/pause.ts";
import type { BackgroundWork } from "./service/background-work.ts";
import { createEndpointDeclarations } from "./service/endpoint-declarations.ts";
import { createEndpointLists } from "./service/endpoint-lists.ts";
import { createEndpointManagement } from "./service/endpoint-management.ts";
import { createEndpointSecrets } from "./service/endpoint-secrets.ts";
import { createHookCalls } from "./service/hook-calls.ts";
import type { InvokePlugin } from "./service/invoke-plugin.ts";
import type { Store } from "./store/store.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";

/** Of a request for a hook (contract/backwards-invocation 5.3). */
const HOOK_BODY_BYTES = 10 * 1024 * 1024;
/** Bodies of this size that are held at once; each becomes a line of twice its size. */
const HELD_HOOK_BODIES = 16;

export interface EndpointModulesDeps {
  readonly config: Pick<ParsedConfig["config"], "PLUGIN_ENDPOINT_ENABLED" | "PLUGIN_MAX_EXECUTION_TIMEOUT">;
  readonly store: Pick<Store, "endpoints" | "installations" | "declarations">;
  readonly innerApi: InnerApi;
  readonly plugins: InvokePlugin;
  readonly background: BackgroundWork;
  readonly telemetry?: Pick<Telemetry, "requests" | "followPlatformCall"> | undefined;
}

/** The routes of endpoints, connected: those of hooks, which need no key, and those of their management. */
export function endpointModules({
  config,
  store,
  innerApi,
  plugins,
  background,
  telemetry,
}: EndpointModulesDeps): {
  readonly open: readonly AnyElysia[];
  readonly guarded: readonly AnyElysia[];
} {
  const traceOf = telemetry?.requests.headersOf;
  const shared = {
    endpoints: store.endpoints,
    installations: store.installations,
    findDeclaration: createEndpointDeclarations({
      findDeclaration: (identifier) => store.declarations.get(identifier),
    }),
    secrets: createEndpointSecrets({ platform: followed(innerApi, telemetry) }),
  };
  const hooks = () =>
    hookRoutes({
      traceOf,
      hooks: createHookCalls({ ...shared, plugins }),
      bodies: createHookBodies({
        maxBytes: HOOK_BODY_BYTES,
        maxHeldBytes: HELD_HOOK_BODIES * HOOK_BODY_BYTES,
        timeoutMs: config.PLUGIN_MAX_EXECUTION_TIMEOUT * 1000,
      }),
    });
  const management = createEndpointManagement({
    ...shared,
    lock: createKeyedLock(),
    background,
    pause,
    now: () => new Date(),
  });
  return {
    open: config.PLUGIN_ENDPOINT_ENABLED ? [hooks()] : [],
    guarded: [endpointRoutes({ management, lists: createEndpointLists(shared), traceOf })],
  };
}

function followed(api: InnerApi, telemetry: EndpointModulesDeps["telemetry"]): Pick<InnerApi, "call"> {
  if (!telemetry) return api;
  return {
    call: (path, body, { signal, hold, onHead, ...trace }) =>
      telemetry.followPlatformCall({ path, body, trace }, (own) =>
        api.call(path, body, { signal, ...(hold && { hold }), ...(onHead && { onHead }), ...own }),
      ),
  };
}
