import { Elysia } from "elysia";
import { parseIdentifier } from "../../protocol/identifier.ts";
import { launchFingerprint, packageFileName } from "../../protocol/serverless/connector.ts";
import type { RunnerInstance } from "../../protocol/serverless/launch-line.ts";
import type { Functions, OpenFunction } from "../../service/connector/functions.ts";
import type { LaunchFunctions } from "../../service/connector/launch-functions.ts";
import { readUploadForm } from "../multipart.ts";
import { openEventLines } from "./event-lines.ts";
import { readLaunchMetadata } from "./launch-metadata.ts";

export interface RunnerRoutesDeps {
  readonly functions: Pick<Functions, "list">;
  readonly launches: LaunchFunctions;
  readonly maxPackageBytes: number;
  readonly endpointOf: (id: string) => string;
}

/** A daemon ignores this stage, and a proxy sees that the build goes on. */
const STILL_THERE = `data: ${JSON.stringify({ Stage: "healthz", State: "running", Obj: "", Message: "" })}\n\n`;

/** What daemons call (contract/plugin-wire 3.1). */
export function runnerRoutes({ functions, launches, maxPackageBytes, endpointOf }: RunnerRoutesDeps) {
  return (
    new Elysia({ name: "connector-runner" })
      // The published text says GET and plain text; the client sends POST and reads a JSON string.
      .get("/ping", pong)
      .post("/ping", pong, { parse: "none" })
      .get("/v1/runner/instances", ({ query }) => {
        const wanted = query["filename"] ?? "";
        const found = functions.list().filter(({ record }) => fileNameOf(record.identifier) === bare(wanted));
        return { error: "", Items: found.map((one) => describe(one, endpointOf)) };
      })
      .post(
        "/v1/launch",
        async ({ request }) => {
          const form = await readUploadForm(request, { fileField: "context", maxFileBytes: maxPackageBytes });
          const progress = launches.launch({
            bytes: form.file,
            verified: form.fields.get("verified") === "true",
            metadata: readLaunchMetadata(form.fields.get("metadata")),
          });
          const lines = openEventLines({ ping: STILL_THERE });
          void progress
            .follow((event) => lines.send(event, { vital: event.State !== "running" }), {
              signal: lines.left,
            })
            .finally(() => lines.end());
          return lines.response;
        },
        { parse: "none" },
      )
  );
}

function pong(): Response {
  return Response.json("pong");
}

function describe({ record, pool }: OpenFunction, endpointOf: (id: string) => string): RunnerInstance {
  const { ready, starting } = pool.status;
  return {
    ID: record.id,
    Name: record.name,
    Endpoint: endpointOf(record.id),
    ResourceName: `plugd:function:${record.name}`,
    Protocol: record.form,
    Fingerprint: launchFingerprint(record),
    Status: { State: ready > 0 ? "running" : starting > 0 ? "starting" : "idle" },
  };
}

function fileNameOf(identifier: string): string | undefined {
  const parsed = parseIdentifier(identifier);
  return parsed && bare(packageFileName(parsed));
}

/** A plugin without an author may be asked for with or without the sign behind it. */
function bare(fileName: string): string {
  return fileName.replace(/^@/, "");
}
