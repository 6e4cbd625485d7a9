#!/usr/bin/env bun
/**
 * raw-get.ts OPTIONS_JSON: asks for one address in a closed loop, on connections that are kept, and prints one JSON line of
 * results. It counts bytes and looks for the end of each answer; an HTTP client would be most of what is measured.
 */
import { median } from "./statistics.ts";

export interface RawGetOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Connections, each with one request at a time. */
  readonly atOnce: number;
  /** Of each connection; the first is not counted. */
  readonly requests: number;
}

export interface RawGetResult {
  /** From a request to the last byte of its answer, in the middle. */
  readonly ms: number;
  /** Of one answer with its head. */
  readonly bytes: number;
}

/** The last chunk of a body that comes in chunks; JSON text holds no such bytes. */
const LAST_CHUNK = "\r\n0\r\n\r\n";

interface Answer {
  bytes: number;
  /** Undefined: it comes in chunks, or its head is not here yet. */
  length: number | undefined;
  tail: string;
  done(): void;
}

if (import.meta.main)
  console.log(JSON.stringify(await getAll(JSON.parse(process.argv[2] ?? "{}") as RawGetOptions)));

async function getAll({ url, headers, atOnce, requests }: RawGetOptions): Promise<RawGetResult> {
  const { hostname, port, pathname, search } = new URL(url);
  const head = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(
    ([n, value]) => `${n}: ${value}\r\n`,
  );
  const request = `GET ${pathname}${search} HTTP/1.1\r\n${head.join("")}\r\n`;
  const times: number[] = [];
  let bytes = 0;

  async function loop(): Promise<void> {
    let answer: Answer | undefined;
    const failed = Promise.withResolvers<never>();
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data: (_, chunk) => answer && take(answer, chunk),
        error: (_, cause) => failed.reject(cause),
        close: () => failed.reject(new Error("The connection was closed")),
      },
    });
    failed.promise.catch(() => undefined);
    for (let sent = 0; sent < requests; sent++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      answer = { bytes: 0, length: undefined, tail: "", done: resolve };
      const began = performance.now();
      socket.write(request);
      await Promise.race([promise, failed.promise]);
      if (sent > 0) times.push(performance.now() - began);
      bytes = answer.bytes;
    }
    socket.end();
  }

  await Promise.all(Array.from({ length: atOnce }, loop));
  return { ms: median(times), bytes };
}

function take(answer: Answer, chunk: Buffer): void {
  if (answer.bytes === 0) {
    // The head comes with the first bytes, as both sides write it.
    const head = chunk.toString("latin1", 0, Math.max(0, chunk.indexOf("\r\n\r\n")) + 4);
    if (!head.startsWith("HTTP/1.1 200"))
      throw new Error(`The request failed: ${chunk.toString("latin1", 0, 500)}`);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined) answer.length = head.length + Number(length);
  }
  answer.bytes += chunk.length;
  if (answer.length !== undefined) {
    if (answer.bytes >= answer.length) answer.done();
    return;
  }
  answer.tail = (answer.tail + chunk.toString("latin1", Math.max(0, chunk.length - LAST_CHUNK.length))).slice(
    -LAST_CHUNK.length,
  );
  if (answer.tail === LAST_CHUNK) answer.done();
}
