import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type HookRequest, serializeHookRequest } from "../../../src/protocol/hook-request.ts";
import { decodePath, encodePath, normalizeQuery } from "../../../src/protocol/http-message/request-target.ts";

const HOOK = "0a1b2c3d4e5f6g7h";

function serialize(
  more: Partial<Omit<HookRequest, "headers">> & { readonly headers?: Readonly<Record<string, string>> } = {},
): string {
  const { headers = {}, ...rest } = more;
  return serializeHookRequest({
    method: "GET",
    path: "/hello",
    query: "",
    hookId: HOOK,
    body: new Uint8Array(),
    ...rest,
    headers: new Map(Object.entries({ host: "hooks.example", "user-agent": "curl/8", ...headers })),
  }).toString("latin1");
}

const headOf = (text: string) => text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
const headerOf = (text: string, name: string) =>
  headOf(text)
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2);

describe("serializeHookRequest()", () => {
  test("writes the contract's example to the letter", () => {
    expect(serialize({ query: "name=a", headers: { accept: "*/*" } })).toBe(
      "GET /hello?name=a HTTP/1.1\r\nHost: hooks.example\r\nUser-Agent: curl/8\r\nAccept: */*\r\n" +
        `Dify-Hook-Id: ${HOOK}\r\nDify-Hook-Url: http://hooks.example/e/${HOOK}/hello\r\n\r\n`,
    );
  });

  test("puts the length third, before all others, which are sorted and in canonical case", () => {
    const text = serialize({
      method: "POST",
      body: Buffer.from("abc"),
      headers: { "x-zed": "1", accept: "a", "content-type": "t", "content-length": "99", "x-1a-b": "2" },
    });
    expect(headOf(text).map((line) => line.split(":")[0])).toEqual([
      "POST /hello HTTP/1.1",
      "Host",
      "User-Agent",
      "Content-Length",
      "Accept",
      "Content-Type",
      "Dify-Hook-Id",
      "Dify-Hook-Url",
      "X-1a-B",
      "X-Zed",
    ]);
    expect(headerOf(text, "Content-Length")).toBe("3");
    expect(text.endsWith("\r\n\r\nabc")).toBe(true);
  });

  test.each([
    ["GET", undefined],
    ["HEAD", undefined],
    ["DELETE", undefined],
    ["OPTIONS", undefined],
    ["POST", "0"],
    ["PUT", "0"],
  ])("%s without a body has the length %j and never a chunk", (method, length) => {
    const text = serialize({ method, headers: { "transfer-encoding": "chunked", "content-length": "5" } });
    expect(headerOf(text, "Content-Length")).toBe(length);
    expect(text).not.toContain("Transfer-Encoding");
    expect(text.endsWith("\r\n\r\n")).toBe(true);
  });

  test("leaves out where the request came past, and names with an underscore", () => {
    const text = serialize({
      headers: {
        "x-forwarded-for": "1.2.3.4",
        "x-real-ip": "1.2.3.4",
        "x-forwarded": "a",
        "x-original-forwarded-for": "a",
        "x-original-url": "/z",
        x_under: "a",
        "x-forwarded-host": "kept",
        authorization: "Bearer t",
        cookie: "a=1",
      },
    });
    expect(headOf(text).slice(3)).toEqual([
      "Authorization: Bearer t",
      "Cookie: a=1",
      `Dify-Hook-Id: ${HOOK}`,
      `Dify-Hook-Url: http://hooks.example/e/${HOOK}/hello`,
      "X-Forwarded-Host: kept",
    ]);
  });

  test("names the host and scheme that a proxy tells", () => {
    const text = serialize({ headers: { "x-original-host": "real.example", "x-forwarded-proto": "https" } });
    expect(headerOf(text, "Host")).toBe("real.example");
    expect(headerOf(text, "Dify-Hook-Url")).toBe(`https://real.example/e/${HOOK}/hello`);
    expect(headerOf(serialize({ headers: { "x-forwarded-proto": "HTTPS" } }), "Dify-Hook-Url")).toMatch(
      /^http:/,
    );
  });

  test("keeps an address that was given, and never an id", () => {
    const text = serialize({
      headers: { "dify-hook-url": "https://mine.example/x", "dify-hook-id": "mine" },
    });
    expect(headerOf(text, "Dify-Hook-Url")).toBe("https://mine.example/x");
    expect(headerOf(text, "Dify-Hook-Id")).toBe(HOOK);
    expect(headerOf(serialize({ headers: { "dify-hook-url": "" } }), "Dify-Hook-Url")).toMatch(/^http:/);
  });

  test("invents a user agent only where none was sent", () => {
    const bare = { method: "GET", path: "/", query: "", hookId: HOOK, body: new Uint8Array() };
    const without = serializeHookRequest({ ...bare, headers: new Map([["host", "h"]]) });
    expect(without.toString()).toContain("\r\nUser-Agent: Go-http-client/1.1\r\n");
    expect(serialize({ headers: { "user-agent": "" } })).not.toContain("User-Agent");
  });

  test("keeps every byte of a header and of the body", () => {
    const body = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const bytes = serializeHookRequest({
      method: "PUT",
      path: "/",
      query: "",
      hookId: HOOK,
      headers: new Map([
        ["host", "h"],
        ["x-latin", "\u00e9"],
        ["x-utf8", Buffer.from("€").toString("latin1")],
      ]),
      body,
    });
    expect(bytes.includes(Buffer.from([0x20, 0xe9, 0x0d, 0x0a]))).toBe(true);
    expect(bytes.includes(Buffer.from("X-Utf8: €\r\n"))).toBe(true);
    expect(bytes.subarray(-256).equals(body)).toBe(true);
  });

  test("is one message, whatever the path holds: an escaped line end begins no header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (path) => {
        const escaped = `/${[...path].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`;
        const lines = headOf(serialize({ path: escaped, query: escaped.slice(1) }));
        expect(lines).toHaveLength(5);
        expect(lines.every((line) => !/[\r\n\0]/.test(line))).toBe(true);
        expect(lines[0]).toMatch(/^GET \/[!-~]* HTTP\/1\.1$/);
      }),
    );
    expect(headerOf(serialize({ path: "/a%0d%0aX-Evil:%201" }), "Dify-Hook-Url")).toBe(
      `http://hooks.example/e/${HOOK}/a%0D%0AX-Evil: 1`,
    );
  });
});

describe("encodePath() of decodePath()", () => {
  test.each([
    ["/item/a%20b/7", "/item/a%20b/7"],
    ["/item/a%2Fb/7", "/item/a/b/7"],
    ["/a!*'()[]x", "/a%21%2A%27%28%29%5B%5Dx"],
    ["/$&+,:;=@-_.~", "/$&+,:;=@-_.~"],
    ["/%e9%FF", "/%E9%FF"],
    ["/%E2%82%AC", "/%E2%82%AC"],
    ["/%zz%4", "/%25zz%254"],
    ["/%3F%23%25", "/%3F%23%25"],
  ])("%s is %s", (path, wanted) => {
    expect(encodePath(decodePath(path))).toBe(wanted);
  });
});

describe("normalizeQuery()", () => {
  test.each([
    ["b=2&a=1&a=0&flag&sp=a%20b", "a=1&a=0&b=2&flag=&sp=a+b"],
    ["", ""],
    ["&&", ""],
    ["a=1;b=2&c=3", "c=3"],
    ["a=%zz&b=1", "b=1"],
    ["=x", "=x"],
    ["a=b=c", "a=b%3Dc"],
    ["x=a+b&x=%2B", "x=a+b&x=%2B"],
    ["é=%FF".replace("é", "%C3%A9"), "%C3%A9=%FF"],
    ["B=1&a=2&A=3", "A=3&B=1&a=2"],
    ["a=~-_.*", "a=~-_.%2A"],
  ])("%j is %j", (query, wanted) => {
    expect(normalizeQuery(query)).toBe(wanted);
  });

  test("says the same again, and what a browser reads is what it reads there", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 5 }), (pairs) => {
        const once = normalizeQuery(new URLSearchParams(pairs).toString());
        expect(normalizeQuery(once)).toBe(once);
        const sorted = new URLSearchParams(pairs);
        for (const [key] of pairs) expect(new URLSearchParams(once).getAll(key)).toEqual(sorted.getAll(key));
      }),
    );
  });
});
