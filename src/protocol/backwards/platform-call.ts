import type { TObject, TSchema } from "@sinclair/typebox";
import { decodeAs } from "../actions/action.ts";
import { compileLazily } from "../actions/compiled-schema.ts";
import { isRecord } from "../../lib/is-record.ts";
import { describeViolations } from "../actions/violations.ts";
import { rawMember } from "../../lib/json-scan.ts";

/** Whose call it is; the session says it, never the plugin. */
export interface Caller {
  readonly tenantId: string;
  /** Empty where the session has no user. */
  readonly userId: string;
}

/** The `request` of a call: `value` is checked, `exact` is what goes out, digits and all. */
export interface RequestFields {
  readonly value: unknown;
  readonly exact: unknown;
}

/** The plugin's request breaks the contract; nothing was asked of the platform. */
export class BackwardsRequestError extends Error {
  constructor(why: string, options?: ErrorOptions) {
    super(`unmarshal backwards invoke request failed: ${why}`, options);
    this.name = "BackwardsRequestError";
  }
}

/** The platform answered something else than its contract says. */
export class BackwardsReplyError extends Error {
  constructor(why: string) {
    super(`validate request failed: ${why}`);
    this.name = "BackwardsReplyError";
  }
}

/** One row of the catalogue: everything that makes a type of call back different from the others. */
export interface PlatformCall {
  readonly type: string;
  /** Below `/inner/api/`. */
  readonly path: string;
  /** Answers with frames in place of one object. */
  readonly streams: boolean;
  /** Before the reason of a failure: of the call itself, and of an answer that broke while it was read. */
  readonly prefix: { readonly invoke: string; readonly read: string };
  /** The body for the platform, as JSON text. Throws `BackwardsRequestError`. */
  prepare(fields: RequestFields, caller: Caller): string;
  /** One answer as the plugin gets it, JSON text on one line. Throws `BackwardsReplyError`. */
  decode(value: unknown, raw: string): string;
}

export interface PlatformCallSpec {
  readonly type: string;
  readonly path: string;
  readonly invoke: string;
  /** Of a stream. */
  readonly read?: string;
  /** What an absent or null field becomes is its default, the reference's zero value (contract/backwards-invocation 1.5, 2.1). */
  readonly request: TObject;
  readonly reply: TSchema;
  /** The plugin gets this member of the answer only. */
  readonly member?: string;
}

/** The session says them; a plugin's own are dropped, in whatever case it writes them. */
const OWN_FIELDS: ReadonlySet<string> = new Set(["tenant_id", "user_id", "type"]);

export function definePlatformCall(spec: PlatformCallSpec): PlatformCall {
  const { type, path, member } = spec;
  const prepare = prepareRequest(spec.request);
  const decode = decodeAs(spec.reply, (why) => new BackwardsReplyError(why));
  return {
    type,
    path,
    streams: spec.read !== undefined,
    prefix: { invoke: spec.invoke, read: spec.read ?? spec.invoke },
    prepare(fields, { tenantId, userId }) {
      const body: Record<string, unknown> = { tenant_id: tenantId, user_id: userId, type };
      for (const [key, value] of Object.entries(prepare(fields)))
        if (!OWN_FIELDS.has(key.toLowerCase())) body[key] = value;
      try {
        return JSON.stringify(body);
      } catch (cause) {
        throw new BackwardsRequestError("it nests too deep", { cause });
      }
    },
    decode: member === undefined ? decode : (value, raw) => rawMember(decode(value, raw), [member]) ?? "null",
  };
}

/** Checks and fills a request; keys match in any case. Throws `BackwardsRequestError`. */
export function prepareRequest(
  schema: TObject,
): (fields: RequestFields) => Readonly<Record<string, unknown>> {
  const compiled = compileLazily(schema, { foldCase: true });
  return ({ value, exact }) => {
    const { fill, check } = compiled();
    const filled = fill(value);
    if (!isRecord(filled) || !check.Check(filled))
      throw new BackwardsRequestError(`error validating struct: ${describeViolations(check.Errors(filled))}`);
    const sent = exact === value ? filled : fill(exact);
    return isRecord(sent) ? sent : {};
  };
}
