import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";

/** Where an installation runs; `auto` leaves it to the daemon. */
export type RuntimeWish = "local" | "serverless" | "auto";

export interface RuntimeChoice {
  readonly runtimeType: "local" | "serverless";
  /** In words for an operator. */
  readonly reason: string;
}

/** Decides where an installation runs. Throws `bad_request` where that cannot be had. */
export type ChooseRuntime = (
  wish: unknown,
  declaration: Pick<PluginDeclaration, "resource">,
) => RuntimeChoice;

export interface ChooseRuntimeOptions {
  /** For installations that name none (`PLUGD_RUNTIME`). */
  readonly defaultWish: RuntimeWish;
  /** A connector is set, so functions can be built. */
  readonly hasConnector: boolean;
  /** A plugin that declares more memory than this is too heavy for this machine, in bytes (`PLUGD_AUTO_MEMORY`). */
  readonly autoMemoryBytes: number;
}

/** The article's decision (contract/plain-protocol 9), debugging aside: that is decided by who is connected. */
export function createChooseRuntime(options: ChooseRuntimeOptions): ChooseRuntime {
  const { hasConnector, autoMemoryBytes } = options;

  function decide(wish: RuntimeWish, asked: string, memoryBytes: number): RuntimeChoice {
    if (wish === "local") return { runtimeType: "local", reason: asked };
    if (wish === "serverless") {
      if (!hasConnector)
        throw new DaemonError("bad_request", "Cannot run a plugin as a function: no connector is set", {
          hint: "Set DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL and …_API_KEY, or choose local",
        });
      return { runtimeType: "serverless", reason: asked };
    }
    if (!hasConnector) return { runtimeType: "local", reason: "auto: no connector is set" };
    return memoryBytes > autoMemoryBytes
      ? {
          runtimeType: "serverless",
          reason: `auto: it declares ${mebibytes(memoryBytes)} of memory, more than ${mebibytes(autoMemoryBytes)}`,
        }
      : { runtimeType: "local", reason: "auto: it is light enough for this machine" };
  }

  return (wish, { resource }) => {
    if (wish === undefined || wish === null || wish === "")
      return decide(options.defaultWish, "default (PLUGD_RUNTIME)", resource.memory);
    if (wish !== "local" && wish !== "serverless" && wish !== "auto")
      throw new DaemonError("bad_request", `Cannot run a plugin as ${JSON.stringify(wish)}`, {
        hint: 'Choose "local", "serverless" or "auto"',
      });
    return decide(wish, "asked for", resource.memory);
  };
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
