import { TENANT, toolBody } from "./daemon-api.ts";

/** A request over a bare socket, for clients that behave in ways `fetch` cannot. */
export interface RawCall {
  /** Bytes that have arrived. */
  readonly receivedBytes: number;
  /** What has arrived, head and chunk sizes included; empty with `keep: false`. */
  text(): string;
  /** Sends more of the request. */
  write(text: string): void;
  /** Stops or goes on taking bytes out of the kernel's buffer. */
  pause(): unknown;
  resume(): unknown;
  /** Leaves without a word (RST). */
  terminate(): void;
  /** Says goodbye (FIN). */
  end(): unknown;
  /** The daemon closed the connection. */
  readonly closed: Promise<void>;
}

export interface RawCallOptions {
  readonly port: number;
  readonly request: string;
  /** False: what arrives is counted and thrown away. */
  readonly keep?: boolean;
  readonly onData?: (call: RawCall) => void;
}

export async function openRawCall(options: RawCallOptions): Promise<RawCall> {
  const closed = Promise.withResolvers<void>();
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: options.port,
    socket: {
      data(_socket, data) {
        receivedBytes += data.length;
        if (options.keep !== false) chunks.push(Buffer.from(data));
        options.onData?.(call);
      },
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  const call: RawCall = {
    get receivedBytes() {
      return receivedBytes;
    },
    write: send,
    text: () => Buffer.concat(chunks).toString("utf8"),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    terminate: () => socket.terminate(),
    end: () => socket.end(),
    closed: closed.promise,
  };
  send(options.request);
  return call;

  function send(text: string): void {
    // A request of a test fits into the socket's buffer.
    if (socket.write(text) !== Buffer.byteLength(text))
      throw new Error("The request did not fit into the socket");
    socket.flush();
  }
}

/** A call of the fake plugin's tool as bytes. */
export function rawToolRequest(
  daemon: { readonly key: string },
  options: {
    readonly pluginId: string;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly tenant?: string;
  },
): string {
  const body = toolBody(options.parameters);
  return [
    `POST /plugin/${options.tenant ?? TENANT}/dispatch/tool/invoke HTTP/1.1`,
    "Host: 127.0.0.1",
    `X-Api-Key: ${daemon.key}`,
    `X-Plugin-ID: ${options.pluginId}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}
