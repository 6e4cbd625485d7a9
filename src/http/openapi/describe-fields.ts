import type { Field } from "../request-fields.ts";
import { jsonBody, type Operation, type Parameter } from "./operation.ts";

type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a route takes, out of the fields that it decodes: query parameters, or one JSON body. */
export function describeFields(fields: Fields): Pick<Operation, "parameters" | "requestBody"> {
  const all = Object.values(fields);
  const inQuery = all.filter(({ from }) => from.includes("query"));
  const inBody = all.filter(({ from }) => !from.includes("query"));
  return {
    ...(inQuery.length > 0 && { parameters: inQuery.map(parameterOf) }),
    ...(inBody.length > 0 && { requestBody: jsonBody(bodyOf(inBody)) }),
  };
}

function parameterOf({ name, required, schema }: Field<unknown>): Parameter {
  return { name, in: "query", required, schema };
}

function bodyOf(fields: readonly Field<unknown>[]): Readonly<Record<string, unknown>> {
  return {
    type: "object",
    required: fields.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(fields.map(({ name, schema }) => [name, schema])),
  };
}
