/**
 * Speaks the SDK's line protocol with nothing in between. A call of its tool is answered with one text, or makes calls
 * back and tells how long they took; a hook is answered with its own body. It imports nothing, for it is a package of
 * its own.
 */
import { writeSync } from "node:fs";

type Values = Readonly<Record<string, unknown>>;

/** `tool_parameters`. */
export interface CallingParameters {
  /** `text`: makes no call back. `summary` asks the platform, `refused` is not allowed to, the others are of the storage. */
  readonly kind: "text" | "summary" | "refused" | "set" | "get";
  readonly calls?: number;
  readonly at_once?: number;
  /** Of the keys of the storage; they are numbered. */
  readonly prefix?: string;
}

/** The item that a call with calls back is answered with. */
export interface CallingResult {
  readonly seconds: number;
  /** Calls back that were answered with an error. */
  readonly errors: number;
  /** The first error. */
  readonly sample: string;
}

const VALUE = "5a".repeat(1024);
const waiting = new Map<string, (event: Values) => void>();

function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;)
    try {
      at += writeSync(1, bytes, at);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      if (code !== "EAGAIN") process.exit(1);
      Bun.sleepSync(1);
    }
}

function message(sessionId: string, type: string, data: string): string {
  return `{"event":"session","session_id":"${sessionId}","data":{"type":"${type}","data":${data}}}\n\n`;
}

function requestOf(kind: unknown, key: string): { readonly type: string; readonly request: string } {
  switch (kind) {
    case "summary":
      return { type: "system_summary", request: '{"text":"A long story","instruction":"Make it short"}' };
    case "set":
      return { type: "storage", request: `{"opt":"set","key":"${key}","value":"${VALUE}"}` };
    case "get":
      return { type: "storage", request: `{"opt":"get","key":"${key}","value":null}` };
    default:
      return { type: "fetch_app", request: '{"app_id":"none"}' };
  }
}

/** One call back; resolves with its error text, or nothing. */
function callBack(sessionId: string, { type, request }: ReturnType<typeof requestOf>): Promise<string> {
  const id = crypto.randomUUID();
  const answered = Promise.withResolvers<string>();
  let error = "";
  waiting.set(id, (event) => {
    if (event["event"] === "error") error = String(event["message"]);
    if (event["event"] !== "end") return;
    waiting.delete(id);
    answered.resolve(error);
  });
  print(
    message(sessionId, "invoke", `{"type":"${type}","backwards_request_id":"${id}","request":${request}}`),
  );
  return answered.promise;
}

async function callMany(sessionId: string, parameters: Values): Promise<void> {
  const calls = Number(parameters["calls"] ?? 1);
  const prefix = typeof parameters["prefix"] === "string" ? parameters["prefix"] : "";
  let next = 0;
  let errors = 0;
  let sample = "";
  const began = performance.now();
  const worker = async () => {
    while (next < calls) {
      const error = await callBack(sessionId, requestOf(parameters["kind"], `${prefix}${next++}`));
      if (error === "") continue;
      errors++;
      sample ||= error;
    }
  };
  await Promise.all(Array.from({ length: Number(parameters["at_once"] ?? 1) }, worker));
  const result: CallingResult = { seconds: (performance.now() - began) / 1000, errors, sample };
  const item = JSON.stringify({ type: "json", message: { json_object: result }, meta: null });
  print(message(sessionId, "stream", item) + message(sessionId, "end", "{}"));
}

const TEXT = `{"type":"text","message":{"text":"${"x".repeat(32)}"},"meta":null}`;

function echo(sessionId: string, request: string): void {
  // The request is an HTTP message in hex, and so is the piece of a body.
  const body = request.slice(request.indexOf("0d0a0d0a") + 8);
  const item = `{"status":200,"headers":{"Content-Type":"text/plain"},"result":"${body}"}`;
  print(message(sessionId, "stream", item) + message(sessionId, "end", "{}"));
}

function serve(line: string): void {
  const { session_id: sessionId, event, data } = JSON.parse(line) as { session_id: string } & Values;
  const given = data as Values;
  if (event === "backwards_response") {
    waiting.get(String(given["backwards_request_id"]))?.(given);
    return;
  }
  if (typeof given["raw_http_request"] === "string") {
    echo(sessionId, given["raw_http_request"]);
    return;
  }
  const parameters = given["tool_parameters"] as Values;
  if (parameters["kind"] === "text")
    print(message(sessionId, "stream", TEXT) + message(sessionId, "end", "{}"));
  else void callMany(sessionId, parameters);
}

const beat = () => print('{"event":"heartbeat","session_id":null,"data":{}}\n\n');
beat();
setInterval(beat, 10_000);
const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) if (line !== "") serve(line);
}
process.exit(0);
