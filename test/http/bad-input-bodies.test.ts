import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AppRequest, ask, validRequest } from "../support/app-request.ts";
import { bodySchemaOf } from "../support/request-examples.ts";
import { APP_LIMITS, type AppRoute, openWholeApp, type WholeApp } from "../support/whole-app.ts";

let app: WholeApp;
let withBody: readonly AppRoute[];
let invoke: AppRequest;

beforeAll(async () => {
  app = await openWholeApp();
  withBody = app.routes.filter(bodySchemaOf);
  invoke = requestOf("/plugin/:tenant_id/dispatch/tool/invoke");
});
afterAll(() => app[Symbol.asyncDispose]());

function requestOf(path: string): AppRequest {
  const route = app.routes.find((one) => one.path === path);
  if (!route) throw new Error(`There is no route ${path}`);
  return validRequest(app, route);
}

function textOf({ body }: AppRequest): string {
  return typeof body === "string" ? body : "";
}

/** A call whose parameters are this JSON text. */
function withParameters(json: string): AppRequest {
  return { ...invoke, body: `{"user_id":"u","data":{"provider":"p","tool":"t","tool_parameters":${json}}}` };
}

/** What the plugin got as its parameters, to the character. */
async function received(json: string): Promise<string> {
  expect((await ask(app, withParameters(json))).status).toBe(200);
  const text = /"tool_parameters":(.*),"credentials":null/.exec(app.lastLine ?? "")?.[1];
  return text ?? `not found in ${app.lastLine}`;
}

describe("a body that is no JSON", () => {
  test("is refused by every route, with line and column", async () => {
    for (const route of withBody)
      for (const body of [
        "user_id=u",
        "{",
        '{"a":1,}',
        '{"a":1}x',
        "{'a':1}",
        '{"a":\n NaN}',
        '"\\x"',
        "\0",
        "[1,2",
        "'",
      ]) {
        const { status, error } = await ask(app, { ...validRequest(app, route), body });
        expect([route.path, body, status]).toEqual([route.path, body, 400]);
        expect(error?.message).toMatch(/at line \d+, column \d+/);
      }
  });

  test("because it was cut is refused, wherever it was", async () => {
    for (const { path } of withBody.filter((route) =>
      /(?:llm\/invoke|upgrade|check_existence)$/.test(route.path),
    )) {
      const valid = requestOf(path);
      const body = textOf(valid);
      const before = app.calls;
      for (let end = 1; end < body.length; end++) {
        const { status } = await ask(app, { ...valid, body: body.slice(0, end) });
        expect([path, end, status]).toEqual([path, end, 400]);
      }
      expect(app.calls).toBe(before);
    }
  });

  test("but another JSON value has no fields", async () => {
    for (const route of withBody)
      for (const body of ["null", "true", "5", '"text"', "[]", "[{}]", "", " \n\t "]) {
        const { status } = await ask(app, { ...validRequest(app, route), body });
        expect([route.path, body, status]).toEqual([route.path, body, 400]);
      }
  });

  test("but bytes that are no UTF-8 is read with marks in their place", async () => {
    const head = Buffer.from('{"data":{"provider":"p","tool":"');
    const body = new Uint8Array(Buffer.concat([head, Buffer.from([0xff, 0xc3, 0x28]), Buffer.from('"}}')]));
    expect((await ask(app, { ...invoke, body })).status).toBe(200);
    expect(JSON.parse(app.lastLine ?? "").data.tool).toBe("\ufffd\ufffd(");
  });
});

describe("a strange JSON body", () => {
  test("with a byte order mark is read", async () => {
    expect((await ask(app, { ...invoke, body: `\ufeff${textOf(invoke)}` })).status).toBe(200);
  });

  test("with keys that are there twice has the later ones", async () => {
    const body = '{"user_id":"a","user_id":"b","data":{},"data":{"provider":"p","tool":"x","tool":"t"}}';
    expect((await ask(app, { ...invoke, body })).status).toBe(200);
    expect(JSON.parse(app.lastLine ?? "").data).toMatchObject({ user_id: "b", tool: "t" });
    const body2 = '{"data":{"provider":"p","tool":"t"},"data":null}';
    expect((await ask(app, { ...invoke, body: body2 })).status).toBe(400);
  });

  test.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", ""])(
    "with the key %j, at every level, is as any other",
    async (key) => {
      const odd = `${JSON.stringify(key)}:{"polluted":true}`;
      expect(await received(`{${odd}}`)).toBe(`{${odd}}`);
      const data = `{"provider":"p","tool":"t",${odd}}`;
      expect((await ask(app, { ...invoke, body: `{${odd},"data":${data}}` })).status).toBe(200);
      expect(app.lastLine).toContain(odd);
      for (const route of withBody) {
        const { status } = await ask(app, { ...validRequest(app, route), body: `{${odd}}` });
        expect([route.path, status]).toEqual([route.path, 400]);
      }
      expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
      expect(Reflect.get({}, "polluted")).toBeUndefined();
    },
  );

  test("that nests 1000 deep reaches the plugin, and one level more is refused", async () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    // Three levels are around the parameters, one is an object in them.
    expect(await received(`{"a":${nested(996)}}`)).toBe(`{"a":${nested(996)}}`);
    for (const levels of [998, 5000, 200_000]) {
      const { status, error } = await ask(app, withParameters(`{"a":${nested(levels)}}`));
      expect([levels, status]).toEqual([levels, 400]);
      expect(error?.message).toContain("nested deeper than 1000 levels");
    }
    for (const route of withBody)
      expect((await ask(app, { ...validRequest(app, route), body: "[".repeat(300_000) })).status).toBe(400);
  });

  test("with half of a character pair keeps it", async () => {
    expect(await received('{"a":"\\ud800","b":"x\\udc00"}')).toBe('{"a":"\\ud800","b":"x\\udc00"}');
  });

  test("with characters at which careless readers cut lines stays on one line", async () => {
    await ask(app, withParameters('{"a":"\u2028\u2029\u0085","b":"\\n\\r"}'));
    expect((app.lastLine ?? "").trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(app.lastLine ?? "").data.tool_parameters).toEqual({
      a: "\u2028\u2029\u0085",
      b: "\n\r",
    });
  });
});

describe("a number", () => {
  test.each([
    "9007199254740993",
    "-9007199254740993",
    "12345678901234567890123456789",
    "1.0",
    "-0",
    "-0.0",
    "1e400",
    "1E-400",
    "0.1000000000000000055511151231257827",
    "1.10",
    "100e-2",
  ])("%s reaches the plugin with its very digits, and comes back so", async (digits) => {
    const json = `{"a":${digits},"b":[{"c":${digits}}],"d":"${digits}"}`;
    expect(await received(json)).toBe(json);
    expect((await ask(app, withParameters(json))).text).toContain(json);
  });

  test("beyond 2^53 in a field of the action, in the context and in credentials is kept, too", async () => {
    const llm = requestOf("/plugin/:tenant_id/dispatch/llm/invoke");
    const big = "123456789012345678901";
    const data = `"provider":"p","model":"m","model_type":"llm","credentials":{"k":${big}},"model_parameters":{"seed":${big}}`;
    const body = `{"context":{"n":${big}},"data":{${data},"json_schema":{"maximum":${big}},"of_ours":${big}}}`;
    expect((await ask(app, { ...llm, body })).status).toBe(200);
    for (const part of [
      `{"k":${big}}`,
      `{"seed":${big}}`,
      `{"n":${big}}`,
      `{"maximum":${big}}`,
      `"of_ours":${big}`,
    ])
      expect(app.lastLine).toContain(part);
  });

  test("where another type belongs is no way around its check", async () => {
    const data = '"provider":9007199254740993,"tool":"t"';
    const { status, error } = await ask(app, { ...invoke, body: `{"data":{${data}}}` });
    expect(status).toBe(400);
    expect(error?.message).toContain("data.provider");
    const { status: status2 } = await ask(app, withParameters("9007199254740993"));
    expect(status2).toBe(200);
    expect(JSON.parse(app.lastLine ?? "").data.tool_parameters).toBeNull();
  });
});

describe("a content type", () => {
  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "application/xml",
    "application/jsonp",
    "application/json-patch+json",
    "json",
    ";",
    "",
  ])("%j is no JSON: the fields are missing", async (type) => {
    for (const route of withBody) {
      const valid = validRequest(app, route);
      const headers = { ...valid.headers, "content-type": type };
      const { status, error } = await ask(app, { ...valid, headers });
      expect([route.path, status]).toEqual([route.path, 400]);
      expect(error?.message).toContain("'required' tag");
    }
  });

  test.each(["application/json", "application/json;charset=utf-8", "APPLICATION/JSON ; x=y"])(
    "%j is JSON",
    async (type) => {
      for (const route of withBody) {
        const valid = validRequest(app, route);
        const headers = { ...valid.headers, "content-type": type };
        expect([route.path, (await ask(app, { ...valid, headers })).status]).not.toEqual([route.path, 400]);
      }
    },
  );
});

describe("a body above the limit", () => {
  test("is 413 on every route that reads one, and names the limit", async () => {
    const body = "x".repeat(APP_LIMITS.requestBytes + 1);
    for (const route of withBody) {
      const { status, error } = await ask(app, { ...validRequest(app, route), body });
      expect([route.path, status]).toEqual([route.path, 413]);
      expect(error?.message).toContain(`${APP_LIMITS.requestBytes} bytes`);
    }
  });

  test("is 413 in a form, too", async () => {
    const headers = { ...invoke.headers, "content-type": "application/x-www-form-urlencoded" };
    const body = `a=${"x".repeat(APP_LIMITS.requestBytes)}`;
    const management = requestOf("/plugin/:tenant_id/management/uninstall");
    expect((await ask(app, { ...management, headers, body })).status).toBe(413);
  });

  test("at the limit is read", async () => {
    const parameters = (size: number) => `{"a":"${"x".repeat(size)}"}`;
    const around = textOf(withParameters(parameters(0))).length;
    const { status } = await ask(app, withParameters(parameters(APP_LIMITS.requestBytes - around)));
    expect(status).toBe(200);
  });
});
