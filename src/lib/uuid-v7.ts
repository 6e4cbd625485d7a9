/**
 * A UUID version 7 for this time (RFC 9562), as lower-case text.
 *
 * Later calls in one process give greater texts, also within one millisecond, so ids can break ties between rows
 * of the same time. That is Bun's own counter; the unit test holds it to that.
 */
export function uuidV7(at: Date): string {
  return Bun.randomUUIDv7("hex", at);
}
