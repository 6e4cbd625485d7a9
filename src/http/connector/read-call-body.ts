import { DaemonError } from "../../protocol/daemon-error.ts";

/** What is read and thrown away above the limit, so that the caller gets an answer in place of a broken connection. */
const DRAIN_FACTOR = 4;

/** The whole body of a call. Throws `too_large` with both sizes. */
export async function readCallBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes * DRAIN_FACTOR) break;
    if (bytes <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (bytes > maxBytes)
    throw new DaemonError(
      "too_large",
      `Cannot take the call: its body has ${Math.max(bytes, announced)} bytes, and ${maxBytes} are allowed`,
      {
        hint: "Raise PLUGD_CONNECTOR_MAX_REQUEST_BYTES, and the daemon's MAX_SERVERLESS_REQUEST_BYTES with it",
      },
    );
  return new Uint8Array(Buffer.concat(chunks));
}
