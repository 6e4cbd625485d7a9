/** A part of a JSON text: a string, or UTF-8 bytes that are sent as they are and never written to. */
export type JsonPiece = string | Uint8Array;

/**
 * A JSON value, told in pieces. Declarations are up to a megabyte each and a list has hundreds: nothing holds the whole
 * of it, and what is stored as JSON is not parsed to be sent.
 */
export type JsonPieces = AsyncIterable<JsonPiece>;

/** The pieces of one object: its own fields, then members that are JSON already. */
export function jsonObject(
  fields: object,
  members: Readonly<Record<string, JsonPiece>>,
): readonly JsonPiece[] {
  const pieces: JsonPiece[] = [];
  let before = JSON.stringify(fields).slice(0, -1);
  for (const [key, value] of Object.entries(members)) {
    pieces.push(`${before},${JSON.stringify(key)}:`, value);
    before = "";
  }
  return [...pieces, `${before}}`];
}

/** A list of what each row comes to; rows that come to nothing are left out. */
export async function* jsonList<T>(
  rows: readonly T[],
  piecesOf: (row: T) => Promise<readonly JsonPiece[] | undefined>,
): JsonPieces {
  let before = "[";
  for (const row of rows) {
    const pieces = await piecesOf(row);
    if (!pieces) continue;
    yield before;
    yield* pieces;
    before = ",";
  }
  yield before === "[" ? "[]" : "]";
}

/** A value that needs no pieces, as the next to the last member of an object. */
export async function* jsonWrapped(before: string, inner: JsonPieces, after: string): JsonPieces {
  yield before;
  yield* inner;
  yield after;
}
