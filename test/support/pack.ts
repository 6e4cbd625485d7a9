import { crc32, deflateRawSync } from "node:zlib";

/** An entry of a zip to be written; everything but `name` may lie. */
export interface ZipEntry {
  /** Bytes where the name is no UTF-8. */
  readonly name: string | Uint8Array;
  readonly data?: string | Uint8Array;
  /** 0 stored, 8 deflated (default); another one leaves the data as it is. */
  readonly method?: number;
  readonly crc?: number;
  /** Uncompressed size that the headers claim. */
  readonly size?: number;
  /** General purpose flags, such as 1 for encrypted. */
  readonly flags?: number;
  /** Unix mode, type bits included, such as `0o120777` for a link. */
  readonly mode?: number;
}

export interface ZipOptions {
  readonly comment?: string;
  /** Sizes go to 64-bit fields, in entries and at the end. */
  readonly zip64?: boolean;
  /** Sizes and checksum follow the data and the date is zero, as packagers write it. */
  readonly descriptors?: boolean;
}

const MAX_32 = 0xffffffff;

/** Writes a zip as told, however wrong it gets. */
export function packZip(entries: readonly ZipEntry[], options: ZipOptions = {}): Uint8Array {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { header, body, directory } = packEntry(entry, offset, options);
    local.push(header, body);
    central.push(directory);
    offset += header.length + body.length;
  }
  const directory = Buffer.concat(central);
  const end = packEnd(entries.length, { offset, size: directory.length }, options);
  return new Uint8Array(Buffer.concat([...local, directory, end]));
}

/** Texts by path, as zip entries. */
export function textEntries(texts: Readonly<Record<string, string>>): ZipEntry[] {
  return Object.entries(texts).map(([name, data]) => ({ name, data }));
}

/** The smallest valid package, one tool (contract/plugin-package 11, vector 5). */
export const TINY: Readonly<Record<string, string>> = {
  "manifest.yaml": `version: 0.0.1
type: plugin
author: a
name: n
label: {en_US: x}
description: {en_US: d}
icon: i.svg
resource: {memory: 1}
plugins:
  tools: [p.yaml]
meta: {version: 0.0.1, arch: [amd64], runner: {language: python, version: '3.12', entrypoint: main}}
created_at: 2024-07-12T08:03:44Z
`,
  "p.yaml":
    "identity: {author: a, name: n, label: {en_US: x}, description: {en_US: d}, icon: i.svg}\ntools: [t.yaml]\n",
  "t.yaml": "identity: {author: a, name: t, label: {en_US: x}}\ndescription: {human: {en_US: d}, llm: d}\n",
  "_assets/i.svg": "<svg/>",
  "README.md": "hi",
};

/** `TINY` with some files replaced or added, as a package. */
export function tinyPackage(changed: Readonly<Record<string, string>> = {}): Uint8Array {
  return packZip(textEntries({ ...TINY, ...changed }));
}

function packEntry(
  entry: ZipEntry,
  offset: number,
  options: ZipOptions,
): { header: Buffer; body: Buffer; directory: Buffer } {
  const name = Buffer.from(entry.name);
  const data = Buffer.from(entry.data ?? "");
  const method = entry.method ?? 8;
  const packed = method === 8 ? deflateRawSync(data) : data;
  const crc = entry.crc ?? crc32(data);
  const size = entry.size ?? data.length;
  const flags =
    (entry.flags ?? 0) | (/[^ -~]/.test(name.toString()) ? 0x800 : 0) | (options.descriptors ? 8 : 0);
  const extra = options.zip64 ? zip64Extra(size, packed.length) : Buffer.alloc(0);
  const date = options.descriptors ? 0 : 0x21;

  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(options.zip64 ? 45 : 20, 0);
  fields.writeUInt16LE(flags, 2);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt16LE(date, 8);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(options.zip64 ? MAX_32 : packed.length, 14);
  fields.writeUInt32LE(options.zip64 ? MAX_32 : size, 18);
  fields.writeUInt16LE(name.length, 22);
  fields.writeUInt16LE(extra.length, 24);

  const atLocal = Buffer.from(fields);
  if (options.descriptors) atLocal.fill(0, 10, 22);
  const header = Buffer.concat([word(0x04034b50), atLocal, name, extra]);
  const descriptor = Buffer.concat([word(0x08074b50), word(crc), word(packed.length), word(size)]);
  const body = options.descriptors ? Buffer.concat([packed, descriptor]) : packed;

  const tail = Buffer.alloc(14);
  tail.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 6);
  tail.writeUInt32LE(offset, 10);
  const madeBy = entry.mode === undefined ? 20 : (3 << 8) | 20;
  const directory = Buffer.concat([word(0x02014b50), short(madeBy), fields, tail, name, extra]);
  return { header, body, directory };
}

function zip64Extra(size: number, packedSize: number): Buffer {
  const extra = Buffer.alloc(20);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(16, 2);
  extra.writeBigUInt64LE(BigInt(size), 4);
  extra.writeBigUInt64LE(BigInt(packedSize), 12);
  return extra;
}

function packEnd(count: number, directory: { offset: number; size: number }, options: ZipOptions): Buffer {
  const comment = Buffer.from(options.comment ?? "");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64 ? 0xffff : count, 8);
  end.writeUInt16LE(options.zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(options.zip64 ? MAX_32 : directory.size, 12);
  end.writeUInt32LE(options.zip64 ? MAX_32 : directory.offset, 16);
  end.writeUInt16LE(comment.length, 20);
  if (!options.zip64) return Buffer.concat([end, comment]);
  const large = Buffer.alloc(56);
  large.writeUInt32LE(0x06064b50, 0);
  large.writeBigUInt64LE(44n, 4);
  large.writeUInt16LE(45, 12);
  large.writeUInt16LE(45, 14);
  large.writeBigUInt64LE(BigInt(count), 24);
  large.writeBigUInt64LE(BigInt(count), 32);
  large.writeBigUInt64LE(BigInt(directory.size), 40);
  large.writeBigUInt64LE(BigInt(directory.offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(directory.offset + directory.size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([large, locator, end, comment]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
