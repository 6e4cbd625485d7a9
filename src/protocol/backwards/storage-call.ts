import { OneOf, OpenObject, RequiredText, Text } from "../actions/fields.ts";
import { prepareRequest } from "./platform-call.ts";

/** What a plugin asks of its storage (contract/backwards-invocation 3.1). The daemon serves it itself. */
export interface StorageRequest {
  readonly opt: "get" | "set" | "del" | "exist";
  readonly key: string;
  /** Hex, of a `set`. */
  readonly value: string;
}

const prepare = prepareRequest(
  OpenObject({ opt: OneOf(["get", "set", "del", "exist"]), key: RequiredText, value: Text }),
);

/** Throws `BackwardsRequestError`. */
export function readStorageRequest(request: unknown): StorageRequest {
  const { opt, key, value } = prepare({ value: request, exact: request });
  return { opt: operationOf(opt), key: String(key), value: String(value) };
}

function operationOf(opt: unknown): StorageRequest["opt"] {
  return opt === "set" || opt === "del" || opt === "exist" ? opt : "get";
}
