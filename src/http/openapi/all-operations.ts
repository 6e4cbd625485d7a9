import { adminOperations } from "../routes/admin.ts";
import { runtimeOperations } from "../routes/management-runtime.ts";
import { transactionOperations } from "../routes/transactions.ts";
import { assetOperations } from "../routes/assets.ts";
import { debuggingControlOperations } from "../routes/debugging-control.ts";
import { debuggingOperations } from "../routes/debugging.ts";
import { debuggingEventOperations } from "../routes/debugging-events.ts";
import { endpointOperations } from "../routes/endpoint-management.ts";
import { hookOperations } from "../routes/hooks.ts";
import { bundleOperations } from "../routes/management-bundle.ts";
import { installOperations } from "../routes/management-install.ts";
import { listOperations } from "../routes/management-lists.ts";
import { pluginOperations } from "../routes/management-plugins.ts";
import { providerOperations } from "../routes/management-providers.ts";
import { OPEN_OPENAPI_OPERATIONS, OPENAPI_OPERATIONS } from "../routes/openapi.ts";
import { pprofOperations } from "../routes/pprof.ts";
import { readmeOperations } from "../routes/readme.ts";
import { systemOperations } from "../routes/system.ts";
import { dispatchOperations } from "./dispatch-operations.ts";
import type { Operations } from "./operation.ts";

/** What all routes tell about themselves; a test holds it against the routes that there are. */
export function allOperations(options: { readonly openDocs: boolean }): Operations {
  return {
    ...systemOperations(),
    ...runtimeOperations(),
    ...transactionOperations(),
    ...adminOperations(),
    ...pprofOperations(),
    ...(options.openDocs ? OPEN_OPENAPI_OPERATIONS : OPENAPI_OPERATIONS),
    ...installOperations(),
    ...bundleOperations(),
    ...pluginOperations(),
    ...listOperations(),
    ...providerOperations(),
    ...readmeOperations(),
    ...endpointOperations(),
    ...hookOperations(),
    ...debuggingEventOperations(),
    ...debuggingControlOperations(),
    ...assetOperations(),
    ...debuggingOperations(),
    ...dispatchOperations(),
  };
}
