import { expect, test } from "bun:test";
import { stampRequest } from "../../../src/protocol/serverless/signature.ts";
import { createCallSignatures } from "../../../src/service/connector/call-signature.ts";

/* Signatures of the article's form (contract/plain-protocol 6): hex HMAC-SHA256 of the raw body. */

const SECRET = "key";
// The vector that everybody knows: HMAC-SHA256("key", "The quick brown fox jumps over the lazy dog").
const BODY = "The quick brown fox jumps over the lazy dog";
const RIGHT = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";

function signatures() {
  const clock = { now: 0 };
  const { admit } = createCallSignatures({ windowMs: 300_000, now: () => clock.now });
  const open = { stamp: undefined, needsStamp: false };
  const call = (signature: string | null, sessionId = "s", body = BODY, secret = SECRET) =>
    admit({ ...open, secret, signature, sessionId, body: new TextEncoder().encode(body) });
  /** As plugd's own daemons call, `at` seconds. */
  const stamped = (at: number, { sessionId = "s", of = "s" } = {}) => {
    const [timestamp, body] = [String(at), new TextEncoder().encode(BODY)];
    const stamp = { timestamp, stamp: stampRequest(SECRET, { timestamp, sessionId: of, body }) };
    return admit({ secret: SECRET, signature: RIGHT, stamp, needsStamp: true, sessionId, body });
  };
  return { admit, call, stamped, clock };
}

const sign = (body: string) => new Bun.CryptoHasher("sha256", SECRET).update(body).digest("hex");

test("admit() takes the right signature, in any case of its digits", () => {
  const { call } = signatures();
  expect(() => call(RIGHT)).not.toThrow();
  expect(() => call(RIGHT.toUpperCase(), "other")).not.toThrow();
});

test.each([
  ["none", null],
  ["an empty one", ""],
  ["one that is cut", RIGHT.slice(0, 63)],
  ["one with more behind it", `${RIGHT}00`],
  ["no hex", "z".repeat(64)],
  ["another's", sign(`${BODY}.`)],
  ["a line end behind it", `${RIGHT}\n`],
])("admit() refuses %s", (_, signature) => {
  const { call } = signatures();
  expect(() => call(signature)).toThrow("Cannot take the call: its signature is missing or wrong");
});

test("admit() refuses the signature of another secret", () => {
  expect(() => signatures().call(RIGHT, "s", BODY, "another")).toThrow("missing or wrong");
});

test("admit() refuses the same call within the window, and forgets it after it", () => {
  const { call, clock } = signatures();
  call(RIGHT);
  clock.now = 299_999;
  expect(() => call(RIGHT)).toThrow("it was made before");
  expect(() => call(RIGHT, "another session")).not.toThrow();
  clock.now = 300_001;
  expect(() => call(RIGHT)).not.toThrow();
});

test("admit() takes a call again that was not executed", () => {
  const { call } = signatures();
  call(RIGHT).forget();
  expect(() => call(RIGHT)).not.toThrow();
  expect(() => call(RIGHT)).toThrow("it was made before");
});

test.each(["invoke_text_embedding", "get_text_embedding_num_tokens"])(
  "admit() takes equal batches of %s, which are one request",
  (action) => {
    const { call } = signatures();
    const body = JSON.stringify({
      session_id: "s",
      event: "request",
      data: { type: "model", action, texts: [] },
    });
    for (let batch = 0; batch < 3; batch++) call(sign(body), "s", body);
    const other = body.replace(action, "invoke_llm");
    call(sign(other), "s", other);
    expect(() => call(sign(other), "s", other)).toThrow("it was made before");
  },
);

test("admit() takes a stamp of its session within the window, on both sides of it", () => {
  const { stamped, clock } = signatures();
  clock.now = 1_000_000;
  for (const at of [700, 1000, 1300])
    expect(() => stamped(at, { sessionId: `s${at}`, of: `s${at}` })).not.toThrow();
  for (const at of [699, 1301]) expect(() => stamped(at)).toThrow("signed at another time");
});

test("admit() refuses a recorded call in another session, after the window, and without its stamp", () => {
  const { admit, stamped, clock } = signatures();
  clock.now = 1_000_000;
  stamped(1300);
  expect(() => stamped(1300, { sessionId: "another" })).toThrow("its stamp is missing or wrong");
  const body = new TextEncoder().encode(BODY);
  expect(() =>
    admit({ secret: SECRET, signature: RIGHT, stamp: undefined, needsStamp: true, sessionId: "x", body }),
  ).toThrow("its stamp is missing or wrong");
  // Good for as long as a stamp from the future is.
  clock.now = 1_599_999;
  expect(() => stamped(1300)).toThrow("it was made before");
  clock.now = 1_600_001;
  expect(() => stamped(1300)).toThrow("signed at another time");
});
