import { ItemError } from "../invocation.ts";

/** An item that does not decode or validate (contract/plugin-wire 0.3, B). */
export function unmarshalError(why: string): ItemError {
  return new ItemError({ error_type: "unmarshal_error", message: `unmarshal json failed: ${why}` });
}
