import type { TSchema } from "@sinclair/typebox";
import type { ValueError, ValueErrorIterator } from "@sinclair/typebox/compiler";
import { isRecord } from "../../lib/is-record.ts";

/** A long list of prompt messages may break in every one; more lines than this help nobody. */
const MAX_LINES = 10;

/**
 * The words of the reference's validator, one line a field (contract/http-api 1.5), with the wire's own names:
 * `Key: 'data.provider' Error:Field validation for 'provider' failed on the 'required' tag`.
 */
export function describeViolations(errors: ValueErrorIterator): string {
  const lines = new Map<string, string>();
  for (const error of flatten(errors)) {
    if (lines.size === MAX_LINES) break;
    // The first error of a field is the outer one; the others follow from it.
    if (!lines.has(error.path)) lines.set(error.path, line(error));
  }
  return [...lines.values()].join("\n");
}

/** Goes into that branch of a union which the value was meant for. */
function* flatten(errors: Iterable<ValueError>): Generator<ValueError> {
  for (const error of errors) {
    const branches: readonly TSchema[] = Array.isArray(error.schema["anyOf"]) ? error.schema["anyOf"] : [];
    const kind = Array.isArray(error.value) ? "array" : isRecord(error.value) ? "object" : undefined;
    const index = branches.findIndex((branch) => kind !== undefined && branch["type"] === kind);
    const inner = index < 0 ? undefined : error.errors[index];
    if (inner) yield* flatten(inner);
    else yield error;
  }
}

function line(error: ValueError): string {
  const steps = error.path.split("/").slice(1).map(unescape);
  const key = steps
    .map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index > 0 ? `.${step}` : step))
    .join("");
  const field = steps.findLast((step) => !/^\d+$/.test(step)) ?? key;
  return `Key: '${key}' Error:Field validation for '${field}' failed on the '${tagOf(error)}' tag`;
}

function unescape(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

function tagOf({ schema, value }: ValueError): string {
  if (value === undefined || value === null || value === "" || value === 0) return "required";
  if ("minProperties" in schema && isRecord(value)) return `min=${String(schema["minProperties"])}`;
  if (Array.isArray(schema["anyOf"])) {
    const branches: readonly TSchema[] = schema["anyOf"];
    if (branches.every((branch) => "const" in branch))
      return `oneof=${branches.map((branch) => String(branch["const"])).join(" ")}`;
    return String(branches[0]?.["type"]);
  }
  if ("const" in schema) return `eq=${String(schema["const"])}`;
  if ("pattern" in schema) return "decimal";
  if ("minimum" in schema && typeof value === "number") return `min=${String(schema["minimum"])}`;
  return String(schema["type"] ?? "valid");
}
