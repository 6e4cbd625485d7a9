import { BindingError } from "./binding-error.ts";

export interface BodyLimitOptions {
  /** For every request but those below. */
  readonly maxBytes: number;
  /** Ends of the paths that receive files, which have limits of their own. */
  readonly except: readonly string[];
}

/** Gives back the request itself, or one whose body cannot be read beyond the limit. */
export type LimitBody = (request: Request) => Request;

/**
 * Bounds the bodies that are held in memory as a whole; the listener has to let bundles pass, which are far larger.
 *
 * Reading too large a body throws a `BindingError` (HTTP 413): at once where its length was announced, else as soon as
 * more has arrived. Nothing happens before somebody reads, so the key and the route are checked first.
 */
export function createBodyLimit({ maxBytes, except }: BodyLimitOptions): LimitBody {
  return (request) => {
    const announced = announcedBytes(request.headers);
    if (announced !== undefined && announced <= maxBytes) return request;
    if (request.body === null || except.some((end) => new URL(request.url).pathname.endsWith(end)))
      return request;
    const body = announced === undefined ? cutAt(request.body, maxBytes) : failing(tooLarge(maxBytes));
    return new Request(request, { method: request.method, body });
  };
}

/** Undefined for a body in chunks, whatever else the head claims. */
function announcedBytes(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("transfer-encoding") ? undefined : Number(length);
}

function cutAt(body: ReadableStream<Uint8Array>, maxBytes: number): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > maxBytes) throw tooLarge(maxBytes);
        controller.enqueue(chunk);
      },
    }),
  );
}

function failing(error: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull() {
      throw error;
    },
  });
}

function tooLarge(maxBytes: number): BindingError {
  return new BindingError(
    `Cannot read the body: it is larger than ${maxBytes} bytes, the limit that PLUGD_MAX_REQUEST_BYTES sets`,
    "too_large",
  );
}
