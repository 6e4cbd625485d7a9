import { rawMember } from "../lib/json-scan.ts";
import { InnerApiError } from "./inner-api-error.ts";

/** An answer's `data`: parsed, and as Dify wrote it, so that digits survive. */
export interface Reply {
  readonly value: unknown;
  readonly raw: string;
}

/** How Dify writes nearly every answer; what has this layout is scanned only once. */
const HEAD = '{"data":';
const TAIL = ',"error":""}';

/** What an answer came to. */
export interface ReplyContext {
  readonly phase: InnerApiError["phase"];
  readonly status: number;
  /** Makes a text of the platform fit for an error. */
  readonly quote: (text: string) => string;
}

/** `{"data": …, "error": "…"}`: an error text wins, and nothing at all is an error, too. Throws `InnerApiError`. */
export function readReply(text: string, at: ReplyContext): Reply {
  if (text.startsWith(HEAD) && text.endsWith(TAIL)) {
    const raw = text.substring(HEAD.length, text.length - TAIL.length);
    const value = parse(raw);
    // What parses alone proves that the envelope is the one it looks like.
    if (value !== undefined && value !== null) return { value, raw };
  }
  return readAnyReply(text, at);
}

function readAnyReply(text: string, at: ReplyContext): Reply {
  const { phase, status, quote } = at;
  const answer = parse(text);
  if (answer === undefined) {
    if (status >= 400) throw refused(text, at);
    throw new InnerApiError(phase, text === "" ? "EOF" : `the answer is no JSON: ${quote(text)}`, {
      kind: "broken",
    });
  }
  const { data, error } = isObject(answer) ? answer : {};
  if (typeof error === "string" && error !== "")
    throw new InnerApiError(phase, `request failed: ${quote(error)}`, { kind: "answered" });
  if (data === undefined || data === null)
    // The reference looks at no status; its words stay, and the log gets what Dify said (contract/backwards-invocation 2.2).
    throw new InnerApiError(
      phase,
      "data is nil",
      status >= 400 ? { kind: "status", cause: refused(text, at) } : { kind: "answered" },
    );
  return { value: data, raw: rawMember(text, ["data"]) ?? JSON.stringify(data) };
}

function refused(text: string, { phase, status, quote }: ReplyContext): InnerApiError {
  return new InnerApiError(
    phase,
    `request failed with status code: ${status} and respond with: ${quote(text)}`,
    { kind: "status" },
  );
}

/** Undefined where the text is no JSON: JSON itself has no undefined. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
