import { Elysia } from "elysia";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { Functions, OpenFunction } from "../../service/connector/functions.ts";
import { openEventLines } from "./event-lines.ts";

export interface FunctionRoutesDeps {
  readonly functions: Functions;
  readonly endpointOf: (id: string) => string;
  /** Time that open calls get when a function is deleted, in milliseconds. */
  readonly drainMs: number;
  /** Ends the streams of logs. */
  readonly closing: AbortSignal;
}

const STILL_THERE = ": still there\n\n";

/** What operators call; the reference has no such routes. */
export function functionRoutes({ functions, endpointOf, drainMs, closing }: FunctionRoutesDeps) {
  const require = (id: string) => {
    const found = functions.find(id);
    if (!found) throw noFunction(id);
    return found;
  };
  // What a daemon gave with the launch may be secret.
  const describe = ({ record: { id, name, identifier, created_at, form }, pool }: OpenFunction) => ({
    id,
    name,
    identifier,
    created_at,
    protocol: form,
    endpoint: endpointOf(id),
    instances: pool.status,
  });
  return new Elysia({ name: "connector-functions", prefix: "/v1/functions" })
    .get("/", () => ({ functions: functions.list().map(describe) }))
    .get("/:id", ({ params }) => describe(require(params.id)))
    .delete("/:id", async ({ params }) => {
      if (!(await functions.remove(params.id, { drainMs }))) throw noFunction(params.id);
      return { deleted: params.id };
    })
    .get("/:id/logs", ({ params }) => {
      const { log } = require(params.id);
      const lines = openEventLines({
        missed: (missed) => ({ missed }),
        ping: STILL_THERE,
        greeting: ": watching\n\n",
      });
      const signal = AbortSignal.any([lines.left, closing]);
      void log.follow((line) => lines.send(line), { signal }).finally(() => lines.end());
      return lines.response;
    });
}

function noFunction(id: string): DaemonError {
  return new DaemonError("not_found", `Cannot find function "${id}"`);
}
