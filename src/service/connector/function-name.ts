import type { Identifier } from "../../protocol/identifier.ts";

const NAME_CHARS = 48;
const CHECKSUM_CHARS = 8;
const SECRET_BYTES = 16;

/** What people see of a function: `author-name-version-checksum`, cut to fit into every daemon's table. */
export function functionName({ author, name, version, checksum }: Identifier): string {
  const plugin = [author, name].filter((part) => part !== "").join("-");
  return `${plugin.slice(0, NAME_CHARS)}-${version.replace(/[^A-Za-z0-9]/g, "-")}-${checksum.slice(0, CHECKSUM_CHARS)}`;
}

/**
 * A new id. Whoever knows it can call the function where no signature is asked for, so it cannot be guessed. Neither
 * `,` nor `=` stand in it.
 */
export function newFunctionId({ name }: Identifier): string {
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES))).toString("hex");
  return `${name.slice(0, NAME_CHARS)}-${secret}`;
}
