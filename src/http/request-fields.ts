import { JsonSyntaxError, parseExact } from "../lib/exact-json.ts";
import type { JsonSchema } from "./openapi/json-schema.ts";
import { BindingError, type FieldProblem, fieldError } from "./binding-error.ts";

/** Where the fields of a request were found. */
export type FieldSource = "json" | "query";

/** The fields of a request as they came, before any check. */
export interface RawFields {
  readonly source: FieldSource;
  /** The value of a name, the first one where the query has several; undefined when it was left out. */
  get(name: string): unknown;
  /** Every value that the query has of a name. */
  all(name: string): readonly string[];
}

/** A field that a route takes: its name on the wire and the check that its value has to pass. */
export interface Field<T> {
  readonly name: string;
  /** What it takes, for the document of the API. */
  readonly schema: JsonSchema;
  /** A request without it is refused. */
  readonly required: boolean;
  /** Sources that know the name; elsewhere the field counts as left out. */
  readonly from: readonly FieldSource[];
  /** Answers the value, or the rules that it breaks. */
  check(raw: unknown): Checked<T>;
  /** The check gets the list of all values of the query, which may be empty. */
  readonly repeated?: true;
  /** Another spelling of the field, asked when this one was left out. */
  readonly otherwise?: Field<T>;
}

type Checked<T> = { readonly value: T } | { readonly problems: readonly FieldProblem[] };

/** A field with a second spelling; what is wrong with it is told in the words of the first. */
export function firstOf<T>(field: Field<T>, otherwise: Field<T>): Field<T> {
  return { ...field, otherwise };
}

/** What a set of fields decodes to. */
export type FieldValues<F extends Readonly<Record<string, Field<unknown>>>> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/**
 * Finds the fields of a request and checks them (contract/http-api 1.5). Throws a `BindingError` that names every
 * problem, or the line and column where a JSON body is broken.
 */
export async function decodeFields<F extends Readonly<Record<string, Field<unknown>>>>(
  request: Request,
  fields: F,
): Promise<FieldValues<F>> {
  const raw = await readFields(request);
  const problems: FieldProblem[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(fields)) {
    const result = checkField(field, raw);
    if ("problems" in result) problems.push(...result.problems);
    else values[key] = result.value;
  }
  if (problems.length > 0) throw fieldError(problems);
  // Every key of `fields` was checked above, and a check answers the type that its field declares.
  return values as FieldValues<F>;
}

function checkField<T>(field: Field<T>, raw: RawFields): Checked<T> {
  const found = valueOf(field, raw);
  const { otherwise } = field;
  return field.check(found === undefined && otherwise ? valueOf(otherwise, raw) : found);
}

function valueOf({ name, from, repeated }: Field<unknown>, raw: RawFields): unknown {
  if (repeated) return raw.all(name);
  return from.includes(raw.source) ? raw.get(name) : undefined;
}

/** A body is read when the content type says JSON, and then the query is not; a GET without it has its query only. */
async function readFields(request: Request): Promise<RawFields> {
  const contentType = request.headers.get("content-type") ?? "";
  const isGet = request.method === "GET";
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase();
  if (contentType === "application/json" || (!isGet && mediaType === "application/json"))
    return jsonFields(await request.text());
  const query = new URL(request.url).searchParams;
  if (!isGet && mediaType === "application/x-www-form-urlencoded")
    for (const [name, value] of new URLSearchParams(await request.text())) query.append(name, value);
  return {
    source: "query",
    get: (name) => query.get(name) ?? undefined,
    all: (name) => query.getAll(name),
  };
}

function jsonFields(text: string): RawFields {
  const body = parseBody(text);
  const members = typeof body === "object" && body !== null ? new Map(Object.entries(body)) : new Map();
  return { source: "json", get: (name) => members.get(name), all: () => [] };
}

/** An empty body has no fields; a broken one is told apart from that, unlike in the reference. */
function parseBody(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return parseExact(text).exact;
  } catch (cause) {
    if (cause instanceof JsonSyntaxError) throw new BindingError(`Cannot read the body: ${cause.message}`);
    throw cause;
  }
}
