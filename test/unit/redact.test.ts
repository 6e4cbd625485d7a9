import { describe, expect, test } from "bun:test";
import { isSecretName, redact, redactText, stripUserInfo } from "../../src/lib/redact.ts";

describe("isSecretName()", () => {
  test.each([
    "key",
    "api_key",
    "apiKey",
    "APIKey",
    "apikey",
    "X-Api-Key",
    "SERVER_KEY",
    "token",
    "accessToken",
    "accesstoken",
    "session_tokens",
    "password",
    "PASSWD",
    "dbPassword",
    "client-secret",
    "credentials",
    "Authorization",
    "proxy-authorization",
    "set-cookie",
    "SENTRY_DSN",
    "AZURE_BLOB_STORAGE_CONNECTION_STRING",
    "token_value",
  ])("knows %s", (name) => {
    expect(isSecretName(name)).toBe(true);
  });
  test.each([
    "monkey",
    "keyboard",
    "plugin_id",
    "key_file",
    "tokenCount",
    "credential_type",
    "path",
    "author",
    "",
  ])("leaves %j alone", (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});

describe("redact()", () => {
  test("masks at any depth, in lists, maps and headers", () => {
    const value = {
      a: [{ password: "s1" }],
      headers: new Headers({ "X-Api-Key": "s2", accept: "*/*" }),
      map: new Map([["token", "s3"]]),
      pairs: [["authorization", "s4"]],
      credentials: { user: "s5" },
      query: new URLSearchParams("secret=s6"),
    };
    const copy = JSON.stringify(redact(value));
    expect(copy).not.toMatch(/s[1-6]/);
    expect(copy).toContain("*/*");
    expect(copy.match(/\[redacted\]/g)).toHaveLength(6);
  });

  test("keeps counts under plurals, and booleans and nothing under any name", () => {
    const value = { prompt_tokens: 50, tokens: "abc", password: 1234, has_token: true, key: null };
    expect(redact(value)).toEqual({
      prompt_tokens: 50,
      tokens: "[redacted]",
      password: "[redacted]",
      has_token: true,
      key: null,
    });
  });

  test("gives plain JSON for everything", () => {
    const circle: Record<string, unknown> = { name: "c" };
    circle["self"] = circle;
    expect(
      redact({
        big: 2n ** 64n,
        nan: Number.NaN,
        bytes: new Uint8Array(3),
        when: new Date(0),
        never: new Date(Number.NaN),
        url: new URL("http://u:p@h/x"),
        error: new Error("outer", { cause: new Error("inner") }),
        run: () => 1,
        sign: Symbol("s"),
        set: new Set([1, 2]),
        pattern: /a/g,
        circle,
      }),
    ).toEqual({
      big: "18446744073709551616",
      nan: "NaN",
      bytes: "[3 bytes]",
      when: "1970-01-01T00:00:00.000Z",
      never: "[invalid date]",
      url: "http://h/x",
      error: "outer: inner",
      run: "[function]",
      sign: "[symbol]",
      set: [1, 2],
      pattern: "/a/g",
      circle: { name: "c", self: "[circular]" },
    });
  });

  test("shows an object twice when it is no circle", () => {
    const shared = { a: 1 };
    expect(redact([shared, shared])).toEqual([{ a: 1 }, { a: 1 }]);
  });

  test("is bounded in depth, items and length", () => {
    let deep: unknown = "bottom";
    for (let level = 0; level < 100; level += 1) deep = { deep };
    expect(JSON.stringify(redact(deep))).toContain("[too deep]");
    expect(redact(Array.from({ length: 1000 }, () => 1))).toHaveLength(101);
    expect(String(redact("x".repeat(1_000_000))).length).toBeLessThan(20_000);
  });

  test("does not change what it is given, nor follows a __proto__ key", () => {
    const value = JSON.parse('{"__proto__":{"password":"s"},"token":"t"}');
    expect(JSON.stringify(redact(value))).not.toContain('"s"');
    expect(value.token).toBe("t");
  });
});

describe("redactText()", () => {
  test("removes user info from URLs", () => {
    expect(stripUserInfo("get http://u:p@ss@host/a and redis://:pw@h:1, a@b.c")).toBe(
      "get http://host/a and redis://h:1, a@b.c",
    );
    expect(stripUserInfo("http://host/path@2x?mail=a@b")).toBe("http://host/path@2x?mail=a@b");
  });

  test("masks secret parameters of URLs", () => {
    expect(redactText("/e/hook?page=1&api_key=abc&access_token=x.y#top")).toBe(
      "/e/hook?page=1&api_key=[redacted]&access_token=[redacted]#top",
    );
  });

  test("takes time in proportion to the text", () => {
    const began = performance.now();
    redactText("://".repeat(50_000));
    redactText("?a".repeat(50_000) + "=");
    redactText(`://${"a".repeat(200_000)}`);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
