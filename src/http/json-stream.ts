import { createGarbageCount } from "../lib/garbage.ts";
import type { JsonPiece, JsonPieces } from "../service/json-pieces.ts";

/** Smaller pieces are sent together: each that goes out alone costs a call into the system. */
const CHUNK_BYTES = 64 * 1024;
/** What is sent leaves copies behind, which the collector does not see: about ten lists of a hundred model plugins. */
const GARBAGE_BYTES = 192 * 1024 * 1024;
const HEADERS = { "content-type": "application/json; charset=utf-8" };

/** Of all the lists of some routes together, for `successStream`. */
export const countListGarbage = () => createGarbageCount(GARBAGE_BYTES);

/**
 * The success envelope around a value in pieces. What is small goes out as a whole, with its length; the rest is pulled by
 * the client, so that a slow one holds back its own answer and nothing piles up here. A failure after the first
 * chunks breaks the connection off: the client sees half a JSON text and not a wrong one.
 */
export async function successStream(
  data: JsonPieces,
  letGo: (bytes: number) => void = () => undefined,
): Promise<Response> {
  const groups = inGroups(enveloped(data));
  const first = await groups.next();
  const second = first.done ? first : await groups.next();
  if (second.done) return new Response(Buffer.concat(first.value ?? []), { headers: HEADERS });
  const ready = [first.value, second.value];
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const group = ready.shift() ?? (await groups.next()).value;
      if (group)
        for (const chunk of group) {
          controller.enqueue(chunk);
          letGo(chunk.byteLength);
        }
      else controller.close();
    },
    async cancel() {
      await groups.return(undefined);
    },
  };
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), { headers: HEADERS });
}

async function* enveloped(data: JsonPieces): JsonPieces {
  yield '{"code":0,"message":"success","data":';
  yield* data;
  yield "}";
}

/** Chunks of at least `CHUNK_BYTES` together, but for the last. Large ones are not copied. */
async function* inGroups(pieces: JsonPieces): AsyncGenerator<readonly Uint8Array[], undefined> {
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  for await (const piece of pieces) {
    const bytes = bytesOf(piece);
    if (bytes.byteLength < CHUNK_BYTES) {
      small.push(bytes);
      smallBytes += bytes.byteLength;
      if (smallBytes < CHUNK_BYTES) continue;
      yield [Buffer.concat(small)];
    } else yield smallBytes > 0 ? [Buffer.concat(small), bytes] : [bytes];
    small = [];
    smallBytes = 0;
  }
  if (smallBytes > 0) yield [Buffer.concat(small)];
  return undefined;
}

function bytesOf(piece: JsonPiece): Uint8Array {
  return typeof piece === "string" ? Buffer.from(piece) : piece;
}
