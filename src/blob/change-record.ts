import type { ValueChange } from "./value-store.ts";

const CHECKSUM_BYTES = 4;
const HEAD_BYTES = CHECKSUM_BYTES + 8;

/**
 * A change as bytes: a checksum of all that follows, length of the description, length of the value (32 bits each,
 * little endian), the description as JSON, the value. Zeros, which a power cut may leave, are none.
 */
export function encodeChange(change: ValueChange): Uint8Array {
  const { tenantId, pluginId, key, content } = change;
  const value = content.kind === "bytes" ? content.value : new Uint8Array();
  const described: unknown[] = [tenantId, pluginId, key, content.kind];
  if (content.kind === "staged") described.push(content.name, content.bytes);
  const description = Buffer.from(JSON.stringify(described));
  const record = Buffer.allocUnsafe(HEAD_BYTES + description.length + value.length);
  record.writeUInt32LE(description.length, CHECKSUM_BYTES);
  record.writeUInt32LE(value.length, CHECKSUM_BYTES + 4);
  record.set(description, HEAD_BYTES);
  record.set(value, HEAD_BYTES + description.length);
  record.writeUInt32LE(Bun.hash.crc32(record.subarray(CHECKSUM_BYTES)), 0);
  return record;
}

/** The changes that are whole; after one that is not, nothing counts: its writer died while it wrote. */
export function* decodeChanges(bytes: Uint8Array): Generator<ValueChange> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEAD_BYTES <= file.length;) {
    const body = at + HEAD_BYTES;
    const value = body + file.readUInt32LE(at + CHECKSUM_BYTES);
    const end = value + file.readUInt32LE(at + CHECKSUM_BYTES + 4);
    if (end > file.length) return;
    if (Bun.hash.crc32(file.subarray(at + CHECKSUM_BYTES, end)) !== file.readUInt32LE(at)) return;
    const change = describe(JSON.parse(file.toString("utf8", body, value)), file.subarray(value, end));
    if (!change) return;
    yield change;
    at = end;
  }
}

function describe(described: unknown, value: Uint8Array): ValueChange | undefined {
  if (!Array.isArray(described)) return undefined;
  const [tenantId, pluginId, key, kind, name, bytes]: unknown[] = described;
  if (typeof tenantId !== "string" || typeof pluginId !== "string" || typeof key !== "string")
    return undefined;
  const place = { tenantId, pluginId, key };
  if (kind === "deleted") return { ...place, content: { kind } };
  if (kind === "bytes") return { ...place, content: { kind, value } };
  if (kind !== "staged" || typeof name !== "string" || typeof bytes !== "number") return undefined;
  return { ...place, content: { kind, name, bytes } };
}
