/**
 * Lines of a body as they arrive, without their line feed. Splits at `\n` only: other line ends may stand inside
 * JSON strings. A last line without a line feed counts.
 */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // Pieces of a line are joined once it is whole: a blob may come as one line of many megabytes.
  let pieces: string[] = [];
  for await (const chunk of body) {
    const parts = decoder.decode(chunk, { stream: true }).split("\n");
    for (const part of parts.slice(0, -1)) {
      pieces.push(part);
      yield pieces.join("");
      pieces = [];
    }
    pieces.push(parts.at(-1) ?? "");
  }
  const rest = pieces.join("") + decoder.decode();
  if (rest !== "") yield rest;
}
