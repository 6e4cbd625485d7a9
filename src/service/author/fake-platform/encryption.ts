import { type Fields, isObject, objects } from "./fields.ts";

const PREFIX = "enc:";

/**
 * The values of `secret-input` settings encrypted or decrypted, everything else as it is (contract/backwards-invocation
 * 4.2). It is no encryption, but nobody takes one for the other. `clear` answers an empty object.
 */
export function transformSecrets({ opt, data, config }: Fields): Fields {
  if (opt === "clear" || !isObject(data)) return {};
  const secrets = new Set(
    objects(config)
      .filter(({ type }) => type === "secret-input")
      .map(({ name }) => name),
  );
  const transform = opt === "decrypt" ? decrypt : encrypt;
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      secrets.has(name) && typeof value === "string" && value !== "" ? transform(value) : value,
    ]),
  );
}

function encrypt(value: string): string {
  return PREFIX + Buffer.from(value).toString("base64");
}

function decrypt(value: string): string {
  return value.startsWith(PREFIX) ? Buffer.from(value.slice(PREFIX.length), "base64").toString() : value;
}
