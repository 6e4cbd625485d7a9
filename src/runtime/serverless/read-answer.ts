import { createLineSplitter } from "../../lib/line-splitter.ts";

/** Of an error's body (contract/plugin-wire 3.4). */
const ERROR_BODY_BYTES = 4096;

/** A part of an answer: a block of complete lines, or a line above the limit. */
export type AnswerPart =
  | { readonly kind: "lines"; readonly text: string }
  | { readonly kind: "oversize"; readonly sizeBytes: number };

/** The body in blocks of complete lines, as they arrive. Throws what breaks the reading. */
export async function* readLineBlocks(
  body: ReadableStream<Uint8Array> | null,
  { maxLineBytes }: { readonly maxLineBytes: number },
): AsyncGenerator<AnswerPart> {
  if (!body) return;
  const splitter = createLineSplitter(maxLineBytes);
  const parts = (split: ReturnType<typeof splitter.push>): AnswerPart[] =>
    split.map((part) =>
      typeof part === "string"
        ? { kind: "lines", text: part }
        : { kind: "oversize", sizeBytes: part.sizeBytes },
    );
  for await (const chunk of body) yield* parts(splitter.push(chunk));
  yield* parts(splitter.flush());
}

/** The beginning of a body, for an error; empty where it cannot be read. */
export async function readErrorBody(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const { text } = await readBody(body, { maxBytes: ERROR_BODY_BYTES }).catch(() => ({ text: "" }));
  return text;
}

/** A whole body; what exceeds the limit is left unread. */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes }: { readonly maxBytes: number },
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  if (!body) return { text: "", isCut: false };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > maxBytes) break;
  }
  const all = Buffer.concat(chunks);
  return { text: all.subarray(0, maxBytes).toString(), isCut: bytes > maxBytes };
}
