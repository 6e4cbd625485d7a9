import { promisify } from "node:util";
import { crc32, deflateRaw, deflateRawSync } from "node:zlib";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { PackageFile } from "./package.ts";
import { startPacer } from "./pacer.ts";

export interface WritePackageOptions {
  /** Comment of the archive, where a signature stands. Default: none. */
  readonly comment?: string | Uint8Array;
}

const LOCAL_HEADER = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const DEFLATED = 8;
const HAS_DESCRIPTOR = 0x8;
const IS_UTF8 = 0x800;
const MAX_ENTRIES = 0xffff;
const MAX_COMMENT_BYTES = 0xffff;
const MAX_ARCHIVE_BYTES = 0xffffffff;
/** Above this, deflating is left to a thread of the pool. */
const MAX_SYNC_BYTES = 256 * 1024;
const deflateInPool = promisify(deflateRaw);

/**
 * Writes a package or a bundle in the byte form of the reference's packager: deflated, with data descriptors, without
 * dates and attributes (contract/plugin-package 1.1). Entries stay in the order given, so the same files are always
 * the same bytes. Throws `bad_request` for what does not fit into a zip without extensions.
 */
export async function writePackage(
  files: readonly PackageFile[],
  options: WritePackageOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const comment = Buffer.from(options.comment ?? "");
  if (files.length > MAX_ENTRIES) throw tooLarge(`${files.length} files`, MAX_ENTRIES);
  if (comment.length > MAX_COMMENT_BYTES)
    throw tooLarge(`a comment of ${comment.length} bytes`, MAX_COMMENT_BYTES);
  const pace = startPacer();
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const file of files) {
    const entry = await packEntry(file, offset);
    parts.push(...entry.parts);
    directory.push(entry.central);
    for (const part of entry.parts) offset += part.length;
    if (offset > MAX_ARCHIVE_BYTES) throw tooLarge(`${offset} bytes`, MAX_ARCHIVE_BYTES);
    await pace();
  }
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  const end = record(
    [4, END],
    [4, 0],
    [2, files.length],
    [2, files.length],
    [4, directoryBytes],
    [4, offset],
    [2, comment.length],
  );
  const whole = new Uint8Array(offset + directoryBytes + end.length + comment.length);
  let at = 0;
  for (const part of [...parts, ...directory, end, comment]) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function packEntry({ path, bytes }: PackageFile, offset: number) {
  const name = Buffer.from(path);
  if (bytes.length > MAX_ARCHIVE_BYTES)
    throw tooLarge(`"${path}" with ${bytes.length} bytes`, MAX_ARCHIVE_BYTES);
  const packed = bytes.length > MAX_SYNC_BYTES ? await deflateInPool(bytes) : deflateRawSync(bytes);
  const flags = HAS_DESCRIPTOR | (/^[ -~]*$/.test(path) ? 0 : IS_UTF8);
  const sum = crc32(bytes);
  // Version, flags, method, time, date: the date is zero, too, which is no date at all.
  const common = [
    [2, VERSION],
    [2, flags],
    [2, DEFLATED],
    [2, 0],
    [2, 0],
  ] as const;
  const lengths = [
    [2, name.length],
    [2, 0],
  ] as const;
  const local = record([4, LOCAL_HEADER], ...common, [4, 0], [4, 0], [4, 0], ...lengths);
  const descriptor = record([4, DESCRIPTOR], [4, sum], [4, packed.length], [4, bytes.length]);
  const central = record(
    [4, CENTRAL_HEADER],
    [2, VERSION],
    ...common,
    [4, sum],
    [4, packed.length],
    [4, bytes.length],
    ...lengths,
    // Comment, disk, internal and external attributes.
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, offset],
  );
  return { parts: [local, name, packed, descriptor], central: Buffer.concat([central, name]) };
}

/** Little-endian numbers, each with its width in bytes. */
function record(...fields: readonly (readonly [width: 2 | 4, value: number])[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of fields) at = bytes.writeUIntLE(value, at, width);
  return bytes;
}

function tooLarge(what: string, limit: number): DaemonError {
  return new DaemonError("bad_request", `Cannot write an archive with ${what}: the limit is ${limit}`);
}
