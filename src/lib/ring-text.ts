/** The last characters of a text that never ends. */
export interface RingText {
  push(text: string): void;
  /** At most the limit, starting at a line where one starts within it. */
  readonly text: string;
}

export function createRingText(limitChars: number): RingText {
  let kept = "";
  let cut = false;
  return {
    push(text) {
      kept += text;
      // Cutting at twice the limit keeps the cost per push constant.
      if (kept.length > 2 * limitChars) {
        kept = kept.slice(-limitChars);
        cut = true;
      }
    },
    get text() {
      const tail = kept.length > limitChars || cut ? kept.slice(-limitChars) : kept;
      const lineStart = tail.length < kept.length || cut ? tail.indexOf("\n") + 1 : 0;
      return tail.slice(lineStart);
    },
  };
}
