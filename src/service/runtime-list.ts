import { requireIdentifier } from "../protocol/identifier.ts";
import type { RuntimeStatus } from "../runtime/runtime.ts";
import type { InstallationStore, Page } from "../store/store.ts";
import type { LocalPlugins } from "./local-plugins.ts";
import type { ServerlessPlugins } from "./serverless-plugins.ts";

/** Where an installation runs, and why. */
export interface RuntimeView {
  readonly plugin_id: string;
  readonly version: string;
  readonly plugin_unique_identifier: string;
  readonly runtime_type: string;
  readonly reason: string;
  readonly state: RuntimeStatus["state"];
  readonly sessions: number;
  readonly restarts: number;
  /** Why it failed last; empty when it did not. */
  readonly last_failure: string;
  /** Empty unless it is a function. */
  readonly function_name: string;
  readonly function_url: string;
}

export type ListRuntimes = (
  tenantId: string,
  page: Page,
) => Promise<{ readonly list: readonly RuntimeView[]; readonly total: number }>;

export function createListRuntimes(deps: {
  readonly installations: Pick<InstallationStore, "list">;
  readonly local: Pick<LocalPlugins, "status">;
  readonly serverless: Pick<ServerlessPlugins, "status" | "find">;
}): ListRuntimes {
  return async (tenantId, page) => {
    const { rows, total } = await deps.installations.list(tenantId, page);
    const list = await Promise.all(
      rows.map(async ({ pluginId, identifier, runtimeType, runtimeReason }) => {
        const isRemote = runtimeType === "remote";
        const isFunction = runtimeType === "serverless";
        const record = isFunction ? await deps.serverless.find(identifier) : undefined;
        const known = isFunction ? deps.serverless.status(identifier) : deps.local.status(identifier);
        return {
          plugin_id: pluginId,
          version: requireIdentifier(identifier).version,
          plugin_unique_identifier: identifier,
          runtime_type: runtimeType,
          reason: isRemote
            ? "a developer is connected"
            : runtimeReason || "installed before there was a choice",
          state: known?.state ?? (record || isRemote ? "ready" : "stopped"),
          sessions: known?.sessions ?? 0,
          restarts: known?.restarts ?? 0,
          last_failure: known?.lastFailure ?? "",
          function_name: record?.functionName ?? "",
          function_url: record?.functionUrl ?? "",
        };
      }),
    );
    return { list, total };
  };
}
