import { decodePath, encodePath, normalizeQuery } from "./http-message/request-target.ts";

/** A request for a hook as it came in. */
export interface HookRequest {
  readonly method: string;
  /** What follows the hook's id, with its escapes; begins with a slash. */
  readonly path: string;
  /** With its escapes, without its question mark. */
  readonly query: string;
  /** Names in lower case; each character of a value is one byte. */
  readonly headers: ReadonlyMap<string, string>;
  readonly hookId: string;
  readonly body: Uint8Array;
}

/** The way that the request took, and what is written anew, whatever the client wrote there. */
const DROPPED: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-real-ip",
  "x-forwarded",
  "x-original-forwarded-for",
  "x-original-url",
  "x-original-host",
  "host",
  "user-agent",
  "content-length",
  "transfer-encoding",
  "dify-hook-id",
  "dify-hook-url",
]);
/** Of a client that names none, as the reference's own. */
const DEFAULT_USER_AGENT = "Go-http-client/1.1";
/** In a path, where the bytes stand decoded. */
const CONTROL = /[^\u0020-\u007e\u0080-\u00ff]/g;

/**
 * The request as an HTTP/1.1 message for the plugin (contract/backwards-invocation 5.3). Where the reference writes an
 * empty POST as a chunk that the SDK takes for a body, this says a length of 0; names with `_`, which the SDK refuses, are
 * left out.
 */
export function serializeHookRequest(request: HookRequest): Buffer {
  const { method, hookId, headers, body } = request;
  const path = decodePath(request.path);
  const query = normalizeQuery(request.query);
  const host = hostOf(headers);
  const url = headers.get("dify-hook-url") || seenUrl(headers, `${host}/e/${hookId}${path}`);
  const kept: [name: string, value: string][] = [
    ["Dify-Hook-Id", hookId],
    ["Dify-Hook-Url", url],
  ];
  for (const [name, value] of headers)
    if (!DROPPED.has(name) && !name.includes("_")) kept.push([canonicalName(name), value]);

  let head = `${method} ${encodePath(path)}${query && "?"}${query} HTTP/1.1\r\nHost: ${host}\r\n`;
  const userAgent = headers.get("user-agent") ?? DEFAULT_USER_AGENT;
  if (userAgent !== "") head += `User-Agent: ${userAgent}\r\n`;
  if (body.length > 0 || method === "POST" || method === "PUT") head += `Content-Length: ${body.length}\r\n`;
  for (const [name, value] of kept.sort(([a], [b]) => (a < b ? -1 : 1))) head += `${name}: ${value}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, "latin1"), body]);
}

/** The host that the client asked for, also behind a proxy that tells it. */
function hostOf(headers: ReadonlyMap<string, string>): string {
  return headers.get("x-original-host") || (headers.get("host") ?? "");
}

/** The address as it can be seen from here. Its path is decoded: an escaped line end must not begin another header. */
function seenUrl(headers: ReadonlyMap<string, string>, rest: string): string {
  const scheme = headers.get("x-forwarded-proto") === "https" ? "https" : "http";
  return `${scheme}://${rest.replace(CONTROL, (char) => encodeURIComponent(char))}`;
}

/** `x-forwarded-proto` → `X-Forwarded-Proto`. */
function canonicalName(name: string): string {
  let canonical = "";
  for (let from = 0; from < name.length;) {
    const dash = name.indexOf("-", from);
    const to = dash < 0 ? name.length : dash + 1;
    canonical += name.charAt(from).toUpperCase() + name.substring(from + 1, to);
    from = to;
  }
  return canonical;
}
