import { DaemonError } from "../protocol/daemon-error.ts";

/** What stands before the content of one part; a longer head is none. */
export const MAX_HEAD_BYTES = 64 * 1024;
/** Room for everything of a form but its file. */
const MAX_OVERHEAD_BYTES = 1024 * 1024;
/** What is read and thrown away after the limit, so that the client gets our answer in place of a broken connection. */
const DRAIN_FACTOR = 4;
const DASHES = Buffer.from("--");
const LINE_END = Buffer.from("\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");

export interface UploadForm {
  /** A view of the body that was read; not copied. */
  readonly file: Uint8Array;
  readonly fields: ReadonlyMap<string, string>;
}

export interface UploadFormOptions {
  /** Name of the part that holds the file. */
  readonly fileField: string;
  readonly maxFileBytes: number;
}

/**
 * Reads a `multipart/form-data` body with one file. The body is held once and parsed in place, so that a form costs
 * little more memory than its file. Throws `bad_request`, as uploads answer HTTP 200 whatever is wrong with the form
 * (contract/http-api 1.8).
 */
export async function readUploadForm(request: Request, options: UploadFormOptions): Promise<UploadForm> {
  const boundary = boundaryOf(request.headers.get("content-type") ?? "");
  const body = await readBody(request, options.maxFileBytes + MAX_OVERHEAD_BYTES);
  const fields = new Map<string, string>();
  let file: Uint8Array | undefined;
  for (const part of parts(body, boundary)) {
    if (part.isFile && part.name === options.fileField) file ??= part.content;
    else if (!part.isFile && !fields.has(part.name)) fields.set(part.name, part.content.toString("utf8"));
  }
  if (!file) throw new DaemonError("bad_request", "http: no such file");
  if (file.byteLength > options.maxFileBytes) throw tooLarge();
  return { file, fields };
}

/** Throws `bad_request` for what is no `multipart/form-data`. */
export function boundaryOf(contentType: string): string {
  const [mediaType = "", ...parameters] = contentType.split(";");
  if (mediaType.trim().toLowerCase() !== "multipart/form-data")
    throw new DaemonError("bad_request", "request Content-Type isn't multipart/form-data");
  for (const parameter of parameters) {
    const [, quoted, plain] = /^\s*boundary=(?:"([^"]+)"|([^\s"]+))\s*$/i.exec(parameter) ?? [];
    const boundary = quoted ?? plain;
    if (boundary !== undefined) return boundary;
  }
  throw new DaemonError("bad_request", "no multipart boundary param in Content-Type");
}

async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const announced = Number(request.headers.get("content-length") ?? Number.NaN);
  let buffer = Buffer.allocUnsafe(announced >= 0 ? Math.min(announced, maxBytes) : 64 * 1024);
  let used = 0;
  let read = 0;
  for await (const chunk of request.body ?? []) {
    read += chunk.byteLength;
    if (read > maxBytes * DRAIN_FACTOR) break;
    if (read > maxBytes) continue;
    if (read > buffer.byteLength) buffer = grow(buffer, used, Math.min(maxBytes, Math.max(read, 2 * used)));
    buffer.set(chunk, used);
    used += chunk.byteLength;
  }
  if (read > maxBytes) throw tooLarge();
  return buffer.subarray(0, used);
}

function grow(buffer: Uint8Array, used: number, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(size);
  larger.set(buffer.subarray(0, used));
  return larger;
}

interface Part {
  readonly name: string;
  readonly isFile: boolean;
  readonly content: Buffer;
}

/** The parts of a form in their order (RFC 7578). */
function* parts(body: Buffer, boundary: string): Generator<Part> {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const opening = delimiter.subarray(LINE_END.byteLength);
  let at = body.subarray(0, opening.byteLength).equals(opening)
    ? opening.byteLength
    : endOfDelimiter(body, delimiter, 0);
  while (!body.subarray(at, at + DASHES.byteLength).equals(DASHES)) {
    const start = endOf(body, LINE_END, at);
    // A part without a single header begins with the empty line.
    const headEnd = endOf(body, HEAD_END, start - LINE_END.byteLength);
    if (headEnd - start > MAX_HEAD_BYTES) throw headTooLarge();
    const next = endOfDelimiter(body, delimiter, headEnd - LINE_END.byteLength);
    const head = parseHead(body.toString("utf8", start, headEnd));
    if (head) yield { ...head, content: body.subarray(headEnd, next - delimiter.byteLength) };
    at = next;
  }
}

/** A delimiter stands alone on its line; content may begin a line with the same characters and go on. */
function endOfDelimiter(body: Buffer, delimiter: Buffer, from: number): number {
  let end = endOf(body, delimiter, from);
  while (!/^(?:--|[ \t]*\r\n)/.test(body.toString("latin1", end, end + 64)))
    end = endOf(body, delimiter, end);
  return end;
}

function endOf(body: Buffer, text: Buffer, from: number): number {
  const at = body.indexOf(text, from);
  if (at < 0) throw new DaemonError("bad_request", "Cannot read the form: it ends before its last boundary");
  return at + text.byteLength;
}

/** Begins with the semicolon, or a long word without a value would be looked at once for each of its letters. */
const PARAMETER = /;\s*([\w*]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s;]+))/g;

/** Undefined for a part that is no field of the form. */
export function parseHead(head: string): Pick<Part, "name" | "isFile"> | undefined {
  const disposition = /^content-disposition:\s*form-data\s*(;.*)$/im.exec(head)?.[1];
  if (disposition === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const [, key = "", quoted, plain] of disposition.matchAll(PARAMETER))
    parameters.set(key.toLowerCase(), quoted ?? plain ?? "");
  const name = parameters.get("name");
  if (name === undefined) return undefined;
  return { name, isFile: (parameters.get("filename") ?? "") !== "" || parameters.has("filename*") };
}

export function headTooLarge(): DaemonError {
  return new DaemonError(
    "bad_request",
    `Cannot read the form: a part has a head of more than ${MAX_HEAD_BYTES} bytes`,
  );
}

/** What every upload answers whose file is over its limit. */
export function tooLarge(): DaemonError {
  return new DaemonError("bad_request", "file size exceeds the maximum limit");
}
