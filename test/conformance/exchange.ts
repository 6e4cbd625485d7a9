import { createConnection } from "node:net";

export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** A request as it goes over the wire. */
export interface WireRequest {
  /** Request line and headers, with the empty line. */
  readonly head: string;
  readonly body: Uint8Array;
}

export interface Reply {
  readonly status: number;
  /** In the order of the wire, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Without the sizes of chunks. */
  readonly body: Buffer;
  /** False: it was still open when reading was given up, or broke off before its last chunk. */
  readonly ended: boolean;
}

const LIMIT_MS = 60_000;

/**
 * Sends exactly these bytes over a connection of their own and reads until the daemon closes it, or `abortAfterMs` has
 * passed. The request has to say `Connection: close`. Rejects when the connection fails or nothing was answered.
 */
export async function exchange(
  target: Target,
  request: WireRequest,
  options: { readonly abortAfterMs?: number } = {},
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const received: Buffer[] = [];
  const socket = createConnection({ host: target.hostname, port: target.port });
  const timer = setTimeout(() => resolve(false), options.abortAfterMs ?? LIMIT_MS);
  socket.on("connect", () => {
    socket.write(request.head, "latin1");
    if (request.body.length > 0) socket.write(request.body);
  });
  socket.on("data", (data: Buffer) => received.push(data));
  socket.on("end", () => resolve(true));
  socket.on("error", (error) => {
    // Whoever refuses a large body answers and hangs up while it is still being sent.
    if (received.length > 0) resolve(true);
    else reject(error);
  });
  try {
    const closed = await promise;
    return readReply(Buffer.concat(received), { closed, head: request.head });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function readReply(
  raw: Buffer,
  { closed, head }: { readonly closed: boolean; readonly head: string },
): Reply {
  const headEnd = raw.indexOf("\r\n\r\n");
  if (headEnd < 0)
    throw new Error(
      `No answer to "${head.slice(0, head.indexOf("\r\n"))}": got ${raw.length} bytes "${raw.subarray(0, 80).toString("latin1")}"`,
    );
  const [statusLine = "", ...lines] = raw.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const status = Number(statusLine.split(" ")[1]);
  // It has the headers of a body, and none.
  if (head.startsWith("HEAD ")) return { status, headers, body: Buffer.alloc(0), ended: closed };
  const rest = raw.subarray(headEnd + 4);
  if (headers.some(([name, value]) => name === "transfer-encoding" && value === "chunked")) {
    const { body, whole } = joinChunks(rest);
    return { status, headers, body, ended: closed && whole };
  }
  return { status, headers, body: rest, ended: closed };
}

function joinChunks(raw: Buffer): { readonly body: Buffer; readonly whole: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = raw.indexOf("\r\n", at);
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(raw.subarray(at, lineEnd).toString("latin1"), 16);
    if (size === 0) return { body: Buffer.concat(parts), whole: true };
    if (Number.isNaN(size)) return { body: Buffer.concat(parts), whole: false };
    parts.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
