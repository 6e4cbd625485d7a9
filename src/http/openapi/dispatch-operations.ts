import { ACTIONS, type ActionRow } from "../../protocol/actions/catalogue.ts";
import { answerSchema, type JsonSchema, requestSchema } from "./json-schema.ts";
import {
  enveloped,
  jsonBody,
  type Operation,
  type Operations,
  type Parameter,
  streamed,
} from "./operation.ts";

const PLUGIN_ID: Parameter = {
  name: "X-Plugin-ID",
  in: "header",
  required: true,
  description: "author/name, without a version",
  schema: { type: "string" },
};
const IDENTIFIER: Parameter = {
  name: "X-Plugin-Unique-Identifier",
  in: "header",
  required: true,
  description: "author/name:version@checksum",
  schema: { type: "string" },
};
const ANYTHING: JsonSchema = { type: "object" };

/** All calls of plugins, out of the catalogue: by installation, and by version. */
export function dispatchOperations(): Operations {
  const operations: Record<string, Operation> = {
    "GET /v2/invoke/extract": {
      operationId: "extractPackage",
      summary: "Decode the stored package of a version",
      tags: ["Calls by version"],
      parameters: [IDENTIFIER],
      responses: enveloped(ANYTHING),
    },
  };
  for (const row of ACTIONS) {
    operations[`POST /plugin/:tenant_id/dispatch${row.path}`] = describe(row, "Calls", PLUGIN_ID);
    if (!row.unary)
      operations[`POST /v2/invoke/dispatch${row.path}`] = describe(row, "Calls by version", IDENTIFIER);
  }
  return operations;
}

function describe(row: ActionRow, tag: string, header: Parameter): Operation {
  const shapes = row.shapes();
  const item = shapes.item ? answerSchema(shapes.item) : ANYTHING;
  const direct = header === IDENTIFIER;
  return {
    operationId: `${direct ? "direct_" : ""}${row.action}`,
    summary: `${row.type}: ${row.action.replaceAll("_", " ")}`,
    tags: [tag],
    parameters: [header],
    requestBody: jsonBody(requestSchema(shapes.body)),
    responses: row.unary ? enveloped(item) : streamed(item),
  };
}
