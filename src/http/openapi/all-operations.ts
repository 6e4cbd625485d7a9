import { ASSET_OPERATIONS } from "../routes/assets.ts";
import { ENDPOINT_OPERATIONS } from "../routes/endpoint-management.ts";
import { HOOK_OPERATIONS } from "../routes/hooks.ts";
import { BUNDLE_OPERATIONS } from "../routes/management-bundle.ts";
import { INSTALL_OPERATIONS } from "../routes/management-install.ts";
import { LIST_OPERATIONS } from "../routes/management-lists.ts";
import { PLUGIN_OPERATIONS } from "../routes/management-plugins.ts";
import { PROVIDER_OPERATIONS } from "../routes/management-providers.ts";
import { OPEN_OPENAPI_OPERATIONS, OPENAPI_OPERATIONS } from "../routes/openapi.ts";
import { README_OPERATIONS } from "../routes/readme.ts";
import { SYSTEM_OPERATIONS } from "../routes/system.ts";
import { dispatchOperations } from "./dispatch-operations.ts";
import type { Operations } from "./operation.ts";

/** What all routes tell about themselves; a test holds it against the routes that there are. */
export function allOperations(options: { readonly openDocs: boolean }): Operations {
  return {
    ...SYSTEM_OPERATIONS,
    ...(options.openDocs ? OPEN_OPENAPI_OPERATIONS : OPENAPI_OPERATIONS),
    ...INSTALL_OPERATIONS,
    ...BUNDLE_OPERATIONS,
    ...PLUGIN_OPERATIONS,
    ...LIST_OPERATIONS,
    ...PROVIDER_OPERATIONS,
    ...README_OPERATIONS,
    ...ENDPOINT_OPERATIONS,
    ...HOOK_OPERATIONS,
    ...ASSET_OPERATIONS,
    ...dispatchOperations(),
  };
}
