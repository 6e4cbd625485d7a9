import { signAnswer, SIGNATURE_HEADER, TIMESTAMP_HEADER } from "../../protocol/serverless/signature.ts";

/** Signs an answer, so that a daemon can tell it from another's. A stream is signed as its head goes out. */
export async function signResponse(
  response: Response,
  how: { readonly secret: string; readonly sessionId: string; readonly now: Date },
): Promise<Response> {
  const { secret, sessionId, now } = how;
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const body = isStream ? "" : await response.text();
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const headers = new Headers(response.headers);
  headers.set(TIMESTAMP_HEADER, timestamp);
  headers.set(SIGNATURE_HEADER, signAnswer(secret, { timestamp, sessionId, body }));
  return new Response(isStream ? response.body : body, { status: response.status, headers });
}
