import { type TObject, type TSchema, Type } from "@sinclair/typebox";
import { hasFragileNumber, rewriteJson } from "../../lib/exact-json.ts";
import { isRecord } from "../../lib/is-record.ts";
import { DaemonError } from "../daemon-error.ts";
import type { ItemDecoder } from "../invocation.ts";
import type { SessionContext } from "../messages.ts";
import { compileLazily } from "./compiled-schema.ts";
import { MapOrNull, OpenObject, Text, TextOrNull } from "./fields.ts";
import { toOneLine } from "./one-line.ts";
import { unmarshalError } from "./unmarshal-error.ts";
import { describeViolations } from "./violations.ts";

/** Up to here looking for odd numbers and encoding anew costs less than finding the members of a text. */
const SMALL_ITEM_CHARS = 4096;

/** A request body, parsed: `value` is checked, `exact` is what the plugin gets, digits and all. */
export interface DispatchBody {
  readonly value: unknown;
  readonly exact: unknown;
}

/** What a dispatch call asks for, checked and filled. */
export interface DispatchRequest {
  /** Empty where the caller has no user. */
  readonly userId: string;
  /** Only where the body names one; the tenant of the path goes before it. */
  readonly tenantIdFromBody?: string;
  readonly session: SessionContext;
  /** `user_id`, `type`, `action` and the fields of the action, as they go to the plugin. */
  readonly data: Record<string, unknown>;
}

/** One row of the catalogue: everything that makes an action different from the others. */
export interface ActionRow {
  /** Below `/dispatch`, such as `/tool/invoke`. */
  readonly path: string;
  readonly type: string;
  readonly action: string;
  /** Answers with one JSON envelope, the plugin's last item, in place of a stream. Has no twin below `/v2/invoke`. */
  readonly unary: boolean;
  /** The shape of a request body, and of an item where one shape tells it. For the document of the API. */
  shapes(): { readonly body: TObject; readonly item: TSchema | undefined };
  /** Checks a body and fills in what the caller left out. Throws `bad_request`, a line for each field that fails. */
  prepare(body: DispatchBody): DispatchRequest;
  /** One per call: a decoder may collect. */
  createItemDecoder(): ItemDecoder;
}

export interface ActionSpec {
  readonly path: string;
  readonly type: string;
  readonly action: string;
  readonly unary?: boolean;
  /** The fields of the action. */
  readonly data: TObject;
  /** The shape of an item, or a maker of decoders where a shape does not tell it all. */
  readonly item: TSchema | (() => ItemDecoder);
}

export function defineAction(spec: ActionSpec): ActionRow {
  const { path, type, action, unary = false, item } = spec;
  return {
    path,
    type,
    action,
    unary,
    shapes: () => ({ body: envelopeOf(spec.data), item: typeof item === "function" ? undefined : item }),
    prepare: prepareWith(spec),
    createItemDecoder: typeof item === "function" ? item : always(decodeAs(item)),
  };
}

/** Decodes items of one shape; stateless. `refuse` makes the error for one that breaks it. */
export function decodeAs(
  schema: TSchema,
  refuse: (why: string) => Error = unmarshalError,
): (value: unknown, raw: string) => string {
  const compiled = compileLazily(schema, { foldCase: false });
  return (value, raw) => {
    const { fill, check } = compiled();
    const filled = fill(value);
    if (!check.Check(filled))
      throw refuse(
        isRecord(filled)
          ? describeViolations(check.Errors(filled))
          : `the item is ${kindOf(filled)}, not an object`,
      );
    if (filled === value) return toOneLine(raw);
    // The rewrite keeps digits and copies what did not change; a small item without odd numbers is encoded ten times faster.
    const encode = raw.length < SMALL_ITEM_CHARS && !hasFragileNumber(raw);
    return toOneLine(encode ? JSON.stringify(filled) : rewriteJson(raw, value, filled));
  };
}

/** The dispatch envelope (contract/http-api 4.1). What it holds besides goes nowhere. */
function envelopeOf(data: TObject): TObject {
  return OpenObject({
    tenant_id: Text,
    user_id: Text,
    conversation_id: TextOrNull,
    message_id: TextOrNull,
    app_id: TextOrNull,
    endpoint_id: TextOrNull,
    context: MapOrNull,
    data: Type.Object(data.properties, { additionalProperties: true, default: {} }),
  });
}

function prepareWith({ data, type, action }: ActionSpec): (body: DispatchBody) => DispatchRequest {
  const compiled = compileLazily(envelopeOf(data), { foldCase: true });
  return ({ value, exact }) => {
    const { fill, check } = compiled();
    const filled = fill(value);
    if (!isRecord(filled))
      throw new DaemonError(
        "bad_request",
        `Cannot read the request: the body is ${kindOf(filled)}, not an object`,
      );
    if (!check.Check(filled)) throw new DaemonError("bad_request", describeViolations(check.Errors(filled)));
    const sent = exact === value ? filled : fill(exact);
    const fields = isRecord(sent) && isRecord(sent["data"]) ? sent["data"] : {};
    const userId = textOf(filled["user_id"]) ?? "";
    const tenantId = textOf(filled["tenant_id"]);
    return {
      userId,
      ...(tenantId ? { tenantIdFromBody: tenantId } : {}),
      session: {
        conversationId: textOf(filled["conversation_id"]),
        messageId: textOf(filled["message_id"]),
        appId: textOf(filled["app_id"]),
        endpointId: textOf(filled["endpoint_id"]),
        context: isRecord(sent) ? sent["context"] : null,
      },
      // Last, so that no field of the caller's can stand for them.
      data: { ...fields, user_id: userId, type, action },
    };
  };
}

function always<T>(value: T): () => T {
  return () => value;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "a list";
  return `a ${typeof value}`;
}
