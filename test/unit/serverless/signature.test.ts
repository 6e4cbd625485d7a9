import { describe, expect, test } from "bun:test";
import {
  answerProblem,
  deriveSecret,
  isSame,
  REPLAY_WINDOW_MS,
  signAnswer,
  signBody,
} from "../../../src/protocol/serverless/signature.ts";

/** As it stands in article 5.3.1, byte for byte. */
const ARTICLE_BODY = `{
"action": "invoke",
"plugin_type": "tool",
"tool_name": "google_search",
"parameters": {
"query": "Dify AI"
},
"credentials": {
"api_key": "..."
},
"context": {
"user_id": "user-123",
"app_id": "app-456"
}
}`;

test("signBody() is the hex HMAC-SHA256 of the raw body", () => {
  // Of RFC 4231, test case 2; then of the article's body, as Python's `hmac` gives it.
  expect(signBody("Jefe", "what do ya want for nothing?")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  expect(signBody("runtime-secret", ARTICLE_BODY)).toBe(
    "2bb16e2424400a1a55e24169281dae2f52ff88a3c1fcf34dc3f9565c799fc734",
  );
  expect(signBody("s", new TextEncoder().encode("é"))).toBe(signBody("s", "é"));
});

describe("answerProblem()", () => {
  const answer = { timestamp: "1700000000", sessionId: "s1", body: '{"status":"success"}' };
  const nowMs = 1_700_000_000_000;
  const signature = signAnswer("secret", answer);

  test("is none for what was signed with the secret, in any case of hex", () => {
    expect(answerProblem("secret", { ...answer, signature, nowMs })).toBeUndefined();
    expect(answerProblem("secret", { ...answer, signature: signature.toUpperCase(), nowMs })).toBeUndefined();
  });

  test.each([
    ["another secret", { signature: signAnswer("other", answer) }],
    ["another session", { sessionId: "s2" }],
    ["another body", { body: "{}" }],
    ["another time", { timestamp: "1700000001" }],
    ["a piece of it", { signature: signature.slice(0, 10) }],
    ["nothing", { signature: "" }],
    ["no hex", { signature: "é".repeat(64) }],
  ])("is a wrong signature with %s", (_, change) => {
    expect(answerProblem("secret", { ...answer, signature, nowMs, ...change })).toBe(
      "its signature is wrong",
    );
  });

  test("is a replay outside of the window, on both sides", () => {
    for (const shift of [REPLAY_WINDOW_MS + 1, -REPLAY_WINDOW_MS - 1])
      expect(answerProblem("secret", { ...answer, signature, nowMs: nowMs + shift })).toBe(
        "it was signed at another time",
      );
    expect(
      answerProblem("secret", { ...answer, signature, nowMs: nowMs + REPLAY_WINDOW_MS }),
    ).toBeUndefined();
    const timeless = { ...answer, timestamp: "soon" };
    expect(answerProblem("secret", { ...timeless, signature: signAnswer("secret", timeless), nowMs })).toBe(
      "it was signed at another time",
    );
  });
});

test("isSame() compares texts of any length", () => {
  expect([isSame("a", "a"), isSame("a", "b"), isSame("a", "ab"), isSame("", "")]).toEqual([
    true,
    false,
    false,
    true,
  ]);
});

test("deriveSecret() differs by key, purpose and plugin", () => {
  const secrets = [
    deriveSecret("k", { purpose: "callback", identifier: "a" }),
    deriveSecret("k", { purpose: "callback", identifier: "b" }),
    deriveSecret("j", { purpose: "callback", identifier: "a" }),
  ];
  expect(new Set(secrets).size).toBe(3);
  expect(deriveSecret("k", { purpose: "callback", identifier: "a" })).toBe(secrets[0] ?? "");
});
