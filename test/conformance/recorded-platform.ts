import { type RecordedAnswer, recordedAnswer } from "./recorded-platform-answers.ts";

/** A request of the daemon, or of a plugin that uploads a file. */
export interface PlatformRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Those that count, by name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The platform that stood behind the reference when its answers were recorded. */
export interface RecordedPlatform extends Disposable {
  /** Host and port. */
  readonly host: string;
  /** For the daemon under test. */
  readonly env: Readonly<Record<string, string>>;
  /** What it was asked since the last time, in order of arrival. */
  take(): readonly PlatformRequest[];
}

const KEY = "inner-key";
const SEEN_HEADERS = ["content-type", "x-inner-api-key", "traceparent"];
const HEAD_BYTES = 14;
const MAGIC = 0x0f;
const HEADER_BYTES = 10;
const STREAM = { headers: { "content-type": "text/event-stream" } };

/**
 * Its answers are fixed. What a request is about (the name of its model, tool or app) says how it fails:
 * `error` an error text, `nil` no data, `wrong` data of a wrong shape, `text` no JSON and no frames, `status` a status of
 * 400, `empty` no byte; of streams also `late` an error behind two frames, `skip` two unusable frames among good ones,
 * `magic` and `header` a broken head behind a good frame, `cut` an end within a frame.
 */
export function startRecordedPlatform(): RecordedPlatform {
  let seen: PlatformRequest[] = [];
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
  const host = `127.0.0.1:${server.port}`;

  async function answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/upload") return takeFile(request);
    const body = await request.text();
    const headers = SEEN_HEADERS.flatMap((name) => {
      const value = request.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    seen.push({
      method: request.method,
      path: pathname + search,
      headers: Object.fromEntries(headers),
      body,
    });
    if (request.headers.get("x-inner-api-key") !== KEY) return notFound("nothing here");
    const found = recordedAnswer(pathname.replace("/inner/api/", ""), { body: JSON.parse(body), host });
    return found ? send(found) : notFound("no such route");
  }

  async function takeFile(request: Request): Promise<Response> {
    const file = (await request.formData()).get("file");
    if (!(file instanceof File)) return notFound("no file");
    const { name, type, size } = file;
    const hex = Buffer.from(await file.arrayBuffer()).toString("hex");
    seen.push({
      method: request.method,
      path: "/upload",
      headers: {},
      body: JSON.stringify({ name, type, hex }),
    });
    const stored = { id: "file-1", name, size, extension: ".txt", mime_type: type, preview_url: null };
    return Response.json(stored, { status: 201 });
  }

  return {
    host,
    env: { DIFY_INNER_API_URL: `http://${host}`, DIFY_INNER_API_KEY: KEY },
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function notFound(message: string): Response {
  return Response.json({ code: "not_found", message, status: 404 }, { status: 404 });
}

function send({ kind, items, fault }: RecordedAnswer): Response {
  if (fault === "status")
    return Response.json({ code: "invalid_param", message: "invalid payload", status: 400 }, { status: 400 });
  if (fault === "empty") return new Response("", kind === "stream" ? STREAM : {});
  return kind === "stream" ? new Response(streamBody(items, fault), STREAM) : sendOne(items[0], fault);
}

function sendOne(data: unknown, fault: string): Response {
  if (fault === "text")
    return new Response("<html>oops</html>", { status: 502, headers: { "content-type": "text/html" } });
  return Response.json(envelopeOf(data, fault));
}

function streamBody(items: readonly unknown[], fault: string): Uint8Array<ArrayBuffer> {
  const good = items.map((data) => frame(JSON.stringify({ data, error: "" })));
  const [first = Buffer.alloc(0), ...rest] = good;
  switch (fault) {
    case "text":
      return joined("not frames at all");
    case "late":
      return joined(...good.slice(0, 2), frame('{"data":null,"error":"no luck later"}'));
    case "skip":
      return joined(first, frame('{"data":{"surprise":true},"error":""}'), frame("not json"), ...rest);
    case "magic":
      return joined(first, frame("{}", { magic: 0x7b }));
    case "header":
      return joined(first, frame("{}", { header: 12 }));
    case "cut":
      return joined(first, first.subarray(0, 30));
    case "error":
    case "nil":
    case "wrong":
      return frame(JSON.stringify(envelopeOf(undefined, fault)));
    default:
      return joined(...good);
  }
}

function envelopeOf(data: unknown, fault: string) {
  if (fault === "error") return { data: null, error: "no luck é" };
  if (fault === "refuse") return { data: null, error: "cannot encrypt" };
  if (fault === "nil") return { data: null, error: "" };
  return { data: fault === "wrong" ? { surprise: true } : data, error: "" };
}

function joined(...parts: readonly (string | Uint8Array)[]): Buffer<ArrayBuffer> {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

/** Written by hand: the daemon's own writer is among what is tested. */
function frame(payload: string, { magic = MAGIC, header = HEADER_BYTES } = {}): Buffer<ArrayBuffer> {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = magic;
  head.writeUInt16LE(header, 2);
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}
