import { createHmac } from "node:crypto";

/**
 * Signs an answer in the article's form, so that a daemon can tell it from another's: hex HMAC-SHA256 over
 * `<seconds since 1970>.<session id>.<raw body>`, with the time in a header of its own. A stream is signed with an empty
 * body, as its head goes out first.
 */
export async function signAnswer(
  response: Response,
  how: { readonly secret: string; readonly sessionId: string; readonly now: Date },
): Promise<Response> {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const body = isStream ? "" : await response.text();
  const timestamp = String(Math.floor(how.now.getTime() / 1000));
  const signature = createHmac("sha256", how.secret)
    .update(`${timestamp}.${how.sessionId}.${body}`)
    .digest("hex");
  const headers = new Headers(response.headers);
  headers.set("x-dify-plugin-timestamp", timestamp);
  headers.set("x-dify-plugin-signature", signature);
  return new Response(isStream ? response.body : body, { status: response.status, headers });
}
