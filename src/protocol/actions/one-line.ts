/** Beyond ASCII's own, what readers that split text into lines take for an end of line. */
const LINE_END = /[\r\n\u0085\u2028\u2029]/;
/** From here on five vectorised searches are faster than one pass of the expression. */
const LONG_CHARS = 512;
const LINE_ENDS = /[\r\n\u0085\u2028\u2029]/g;

/**
 * JSON text that stays one line for every reader. Clients split a stream by Unicode's line ends, and the SDK writes those
 * unescaped inside of strings (contract/plugin-wire 1.3, contract/http-api 1.4). Returns the same text where it has none.
 */
export function toOneLine(json: string): string {
  return hasLineEnd(json) ? json.replace(LINE_ENDS, escapeLineEnd) : json;
}

function hasLineEnd(json: string): boolean {
  if (json.length < LONG_CHARS) return LINE_END.test(json);
  return (
    json.includes("\u2028") ||
    json.includes("\u2029") ||
    json.includes("\u0085") ||
    json.includes("\r") ||
    json.includes("\n")
  );
}

function escapeLineEnd(end: string): string {
  // Valid JSON has these two between its tokens only.
  if (end === "\r" || end === "\n") return " ";
  return `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
