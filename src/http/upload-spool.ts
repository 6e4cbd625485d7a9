import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createGarbageCount } from "../lib/garbage.ts";
import { errorCode } from "../lib/system-error.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { type FormEvent, formEvents } from "./form-events.ts";
import { tooLarge, type UploadFormOptions } from "./multipart.ts";

/** A form whose file lies on disk until it is disposed of. */
export interface SpooledForm extends AsyncDisposable {
  readonly file: Blob;
  readonly fields: ReadonlyMap<string, string>;
}

/** Receives forms whose file may be too large for memory. */
export interface UploadSpool {
  /**
   * As `readUploadForm`, with the file on disk. Throws `internal` where the disk takes no more; whatever is thrown,
   * nothing stays behind.
   */
  receive(request: Request, options: UploadFormOptions): Promise<SpooledForm>;
}

/** All of a form but its file. */
const MAX_FIELD_BYTES = 1024 * 1024;
const GARBAGE_BYTES = 8 * 1024 * 1024;

/** Makes the folder, or empties it: what is in there was left by a process that was killed. */
export async function openUploadSpool(folder: string): Promise<UploadSpool> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    async receive(request, options) {
      const path = join(folder, crypto.randomUUID());
      try {
        const fields = await receiveForm(formEvents(request), path, options);
        return { file: Bun.file(path), fields, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
      } catch (cause) {
        await rm(path, { force: true });
        throw cause;
      }
    },
  };
}

/** Goes on to the end of the form when the file is too large, so that the client gets to hear it. */
async function receiveForm(
  events: AsyncIterable<FormEvent>,
  path: string,
  { fileField, maxFileBytes }: UploadFormOptions,
): Promise<Map<string, string>> {
  const fields = new Map<string, Buffer[]>();
  let file: FileHandle | undefined;
  let target: FileHandle | Buffer[] | undefined;
  const letGo = createGarbageCount(GARBAGE_BYTES);
  let fileBytes = 0;
  let fieldBytes = 0;
  try {
    for await (const event of events) {
      if (event.kind === "part") {
        target = undefined;
        if (event.isFile && event.name === fileField && !file) target = file = await open(path, "wx", 0o600);
        else if (!event.isFile && !fields.has(event.name)) {
          fieldBytes += event.name.length;
          if (fieldBytes <= MAX_FIELD_BYTES) fields.set(event.name, (target = []));
        }
      } else if (Array.isArray(target)) {
        fieldBytes += event.bytes.byteLength;
        if (fieldBytes <= MAX_FIELD_BYTES) target.push(Buffer.from(event.bytes));
      } else if (target) {
        fileBytes += event.bytes.byteLength;
        if (fileBytes <= maxFileBytes) await write(target, event.bytes);
        letGo(event.bytes.byteLength);
      }
    }
  } finally {
    await file?.close();
  }
  if (!file) throw new DaemonError("bad_request", "http: no such file");
  if (fileBytes > maxFileBytes || fieldBytes > MAX_FIELD_BYTES) throw tooLarge();
  return new Map([...fields].map(([name, pieces]) => [name, Buffer.concat(pieces).toString("utf8")]));
}

async function write(file: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.byteLength;) at += (await file.write(bytes, at)).bytesWritten;
  } catch (cause) {
    const code = errorCode(cause);
    const isFull = code === "ENOSPC" || code === "EDQUOT";
    throw new DaemonError(
      "internal",
      `Cannot keep the upload: ${isFull ? "no space is left on the disk of the data folder" : String(cause)}`,
      { cause, ...(isFull && { hint: "Free some space there and try again" }) },
    );
  }
}
