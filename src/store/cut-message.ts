const MAX_BYTES = 1024;
const KEPT_BYTES = 512;

/**
 * Messages above 1,024 bytes become their first 512 bytes, `...` and their last 512 (contract/lifecycle 3.4). A
 * character that a cut would split is left out.
 */
export function cutMessage(message: string): string {
  const bytes = new TextEncoder().encode(message);
  if (bytes.length <= MAX_BYTES) return message;
  let head = KEPT_BYTES;
  while (isContinuation(bytes[head])) head--;
  let tail = bytes.length - KEPT_BYTES;
  while (isContinuation(bytes[tail])) tail++;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return `${decoder.decode(bytes.subarray(0, head))}...${decoder.decode(bytes.subarray(tail))}`;
}

/** Not the first byte of a character in UTF-8. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
