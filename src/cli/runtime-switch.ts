import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Option } from "commander";
import { ApiError } from "./api-error.ts";
import { CliError } from "./cli-error.ts";
import type { DaemonClient } from "./daemon-client.ts";

/** Where an installation is to run. */
export type RuntimeWish = "local" | "serverless" | "auto";

export const RUNTIME_WISHES: readonly RuntimeWish[] = ["local", "serverless", "auto"];

const PAGE_SIZE = 256;

/** What is read of where an installation runs. */
const RuntimeView = Type.Object({
  plugin_id: Type.String(),
  plugin_unique_identifier: Type.String(),
  runtime_type: Type.String(),
  reason: Type.String(),
  state: Type.String(),
  last_failure: Type.String(),
  function_name: Type.String(),
  function_url: Type.String(),
});
export type RuntimeView = Static<typeof RuntimeView>;
const RuntimePage = Type.Object({ list: Type.Array(RuntimeView), total: Type.Integer() });
const Started = Type.Object({ all_installed: Type.Boolean(), task_id: Type.String() });

export function runtimeOption(): Option {
  return new Option(
    "--runtime <where>",
    "on this machine, as a function behind the connector, or as the daemon sees fit",
  ).choices(RUNTIME_WISHES);
}

/** By plugin id. Empty where the daemon tells nothing, as the reference does. */
export async function listRuntimes(client: DaemonClient): Promise<ReadonlyMap<string, RuntimeView>> {
  const found = new Map<string, RuntimeView>();
  try {
    for (let page = 1; ; page++) {
      const answer = await client.get("management/runtime/list", {
        page: String(page),
        page_size: String(PAGE_SIZE),
      });
      if (!Value.Check(RuntimePage, answer)) return found;
      for (const view of answer.list) found.set(view.plugin_id, view);
      if (page * PAGE_SIZE >= answer.total || answer.list.length === 0) return found;
    }
  } catch (cause) {
    // It is an extra column; what is installed can be listed without it.
    if (cause instanceof ApiError || cause instanceof CliError) return found;
    throw cause;
  }
}

/** Answers the id of the task; undefined: it runs there already. */
export async function startSwitch(
  client: DaemonClient,
  { pluginId, runtime }: { readonly pluginId: string; readonly runtime: RuntimeWish },
): Promise<string | undefined> {
  const answer = await client.post("management/runtime/switch", { plugin_id: pluginId, runtime });
  if (!Value.Check(Started, answer))
    throw new CliError(`The daemon at "${client.url}" answered in a way that is not understood`);
  return answer.all_installed ? undefined : answer.task_id;
}
