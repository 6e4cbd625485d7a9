import { parseKeepingIntegers } from "./exact-numbers.ts";
import type { Reply } from "./exchange.ts";
import type { PlatformRequest } from "./recorded-platform.ts";
import { normalise, normaliseText, type RunFacts } from "./normalise.ts";

/** An answer as it is recorded and compared: normalised, with the one form of its body that fits. */
export interface Answer {
  readonly status: number;
  /** The media type without its parameters. */
  readonly type: string | null;
  /** Those of `NOTABLE_HEADERS` that were sent. */
  readonly headers?: Readonly<Record<string, string>>;
  /** False: see `Reply`. */
  readonly ended?: false;
  readonly json?: unknown;
  /** Of an event stream; `{"$bad": …}` for what is no JSON. */
  readonly frames?: readonly unknown[];
  readonly text?: string;
  /** Of what is no text. */
  readonly base64?: string;
}

const NOTABLE_HEADERS = new Set([
  "location",
  "set-cookie",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "x-kitchen",
  "allow",
  "access-control-allow-origin",
]);
/** Longer ones become their length and checksum. */
const LONG_BINARY_BYTES = 3000;

export function describeReply(reply: Reply, facts: RunFacts): Answer {
  const contentType = reply.headers.find(([name]) => name === "content-type")?.[1];
  const notable = reply.headers.filter(([name]) => NOTABLE_HEADERS.has(name));
  return {
    status: reply.status,
    type: contentType === undefined ? null : mediaType(contentType),
    ...(notable.length > 0 && {
      headers: Object.fromEntries(notable.map(([name, value]) => [name, normaliseText(value, facts)])),
    }),
    ...(!reply.ended && { ended: false }),
    ...describeBody(reply.body, { contentType: contentType ?? "", facts }),
  };
}

/** What the platform was asked, as it is recorded and compared. */
export function describeReceived(requests: readonly PlatformRequest[], facts: RunFacts): readonly unknown[] {
  return requests.map(({ method, path, headers, body }) => {
    const json = tryParse(body);
    return {
      method,
      path,
      headers: normalise(headers, facts),
      body: json === undefined ? normaliseText(body, facts) : normalise(json, facts),
    };
  });
}

interface BodyFacts {
  readonly contentType: string;
  readonly facts: RunFacts;
}

function describeBody(body: Buffer, { contentType, facts }: BodyFacts): Partial<Answer> {
  const text = body.toString("utf8");
  if (!Buffer.from(text).equals(body)) return { base64: describeBinary(body) };
  if (contentType.startsWith("text/event-stream") && text.startsWith('data: {"code"'))
    return describeFrames(text, facts);
  if (contentType.includes("json") || /^\s*[{[]/.test(text)) {
    const json = tryParse(text);
    return json === undefined ? { text: normaliseText(text, facts) } : { json: normalise(json, facts) };
  }
  return text === "" ? {} : { text: normaliseText(text, facts) };
}

/** Every frame ends with an empty line; what stands behind the last one is no frame. */
function describeFrames(text: string, facts: RunFacts): Partial<Answer> {
  const frames = text.split("\n\n");
  const rest = frames.pop() ?? "";
  return {
    frames: frames.map((frame) => {
      const json = frame.startsWith("data: ") ? tryParse(frame.slice("data: ".length)) : undefined;
      return json === undefined ? { $bad: frame } : normalise(json, facts);
    }),
    ...(rest !== "" && { text: rest }),
  };
}

function describeBinary(body: Buffer): string {
  if (body.length <= LONG_BINARY_BYTES) return body.toString("base64");
  return `<${body.length} bytes, sha256 ${new Bun.CryptoHasher("sha256").update(body).digest("hex")}>`;
}

function mediaType(contentType: string): string {
  return (contentType.split(";")[0] ?? "").trim();
}

function tryParse(text: string): unknown {
  try {
    return parseKeepingIntegers(text);
  } catch {
    return undefined;
  }
}
