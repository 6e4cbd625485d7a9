import { OneOf, OpenObject, RequiredText, Text } from "../actions/fields.ts";
import { prepareRequest, type RequestFields } from "./platform-call.ts";

/** What a plugin asks of its storage (contract/backwards-invocation 3.1). The daemon serves it itself. */
export interface StorageRequest {
  readonly operation: "get" | "set" | "del" | "exist";
  readonly key: string;
  /** Hex, of a `set`. */
  readonly value: string;
}

const prepare = prepareRequest(
  OpenObject({ opt: OneOf(["get", "set", "del", "exist"]), key: RequiredText, value: Text }),
);

/** Throws `BackwardsRequestError`. */
export function readStorageRequest(fields: RequestFields): StorageRequest {
  const { opt, key, value } = prepare({ value: fields.value, exact: fields.value });
  return { operation: operationOf(opt), key: String(key), value: String(value) };
}

function operationOf(opt: unknown): StorageRequest["operation"] {
  return opt === "set" || opt === "del" || opt === "exist" ? opt : "get";
}
