import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { allOperations } from "../../src/http/openapi/all-operations.ts";
import { createRouteMatcher } from "../../src/http/route-matcher.ts";
import { type AppAnswer, ask, validRequest } from "../support/app-request.ts";
import {
  BAD_IDENTIFIERS,
  badValues,
  bodySchemaOf,
  exampleOf,
  fieldsOf,
  MISSING,
  withField,
} from "../support/request-examples.ts";
import { type AppRoute, openWholeApp, type WholeApp } from "../support/whole-app.ts";

/** Every route, known before the app is there: a test for each. */
const ROUTES: readonly AppRoute[] = Object.entries(allOperations({ openDocs: false }))
  .filter(([, { tags }]) => !tags.includes("Functions"))
  .map(([route, operation]) => {
    const [method = "", path = ""] = route.split(" ");
    return { method, path, operation };
  });
const named = (routes: readonly AppRoute[]) =>
  routes.map((route) => [`${route.method} ${route.path}`, route] as const);
const WITH_BODY = ROUTES.filter(bodySchemaOf);
const WITH_QUERY = ROUTES.filter(({ operation }) =>
  operation.parameters?.some((parameter) => parameter.in === "query"),
);
const IN_TENANT = ROUTES.filter(({ path }) => path.includes(":tenant_id"));
const CALLS = ROUTES.filter(({ path }) => path.includes("/dispatch/"));

/** The reference leaves these out when they are of a wrong type, and clients know (contract/http-api 1.5). */
const LENIENT = ["data.tool_parameters", "settings"];

let app: WholeApp;
beforeAll(async () => {
  app = await openWholeApp();
});
afterAll(async () => {
  // No refused request has left a call behind.
  expect(app.openCalls()).toBe(0);
  await app[Symbol.asyncDispose]();
});

/** A refusal of the input: 400, with an envelope that tells of the field. */
function expectRefusal(answer: AppAnswer, field: string): void {
  expect(answer.status).toBe(400);
  expect(answer.code).toBe(-400);
  expect(answer.error?.error_type).toBe("PluginDaemonBadRequestError");
  const key = /^Key: '([^']*)'/.exec(answer.error?.message ?? "")?.[1] ?? "";
  // The whole of an element where one of its two texts is wrong; and what lacks in an object is told one by one.
  expect(plain(field).startsWith(plain(key)) || plain(key).startsWith(plain(field))).toBe(true);
}

/** Names as the wire and as the reference's validator write them are the same here. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "");
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((step, at) => (typeof step === "number" ? `[${step}]` : at > 0 ? `.${step}` : step))
    .join("");
}

test("the app has the routes that are tested here", () => {
  expect(app.routes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(
    named(ROUTES)
      .map(([name]) => name)
      .toSorted(),
  );
});

describe("a valid request", () => {
  test.each(named(ROUTES))("of %s is taken", async (_, route) => {
    expect((await ask(app, validRequest(app, route))).status).not.toBe(400);
  });
});

describe("a field of a JSON body", () => {
  test.each(named(WITH_BODY))("of %s that is missing or wrong is refused by its name", async (_, route) => {
    const schema = bodySchemaOf(route) ?? {};
    const valid = validRequest(app, route);
    const body = exampleOf(schema, app.identifier);
    const before = app.calls;
    for (const field of fieldsOf(schema)) {
      const name = pathText(field.path);
      for (const [flaw, value] of badValues(field)) {
        const bad = withField(body, field.path, value);
        if (LENIENT.includes(name) && flaw.startsWith("a wrong type")) continue;
        const answer = await ask(app, { ...valid, body: JSON.stringify(bad) });
        // The context makes a failure readable: hundreds of values are asked for here.
        expect([name, flaw, answer.status]).toEqual([name, flaw, 400]);
        expectRefusal(answer, name);
      }
    }
    expect(app.calls).toBe(before);
  });

  test.each(named(CALLS))("of %s that may be left out may be null, too", async (_, route) => {
    const schema = bodySchemaOf(route) ?? {};
    const valid = validRequest(app, route);
    const body = exampleOf(schema, app.identifier);
    for (const { path, required } of fieldsOf(schema))
      for (const value of required || path.includes("tenant_id") ? [] : [null, MISSING]) {
        const answer = await ask(app, { ...valid, body: JSON.stringify(withField(body, path, value)) });
        expect([pathText(path), value, answer.status]).not.toEqual([pathText(path), value, 400]);
      }
  });

  test.each(named(CALLS.filter(({ path }) => path.endsWith("/tool/invoke"))))(
    "of %s that counts as left out when it is wrong is no mistake",
    async (_, route) => {
      const valid = validRequest(app, route);
      const body = exampleOf(bodySchemaOf(route) ?? {}, app.identifier);
      for (const value of ["text", 5, true, [[]]]) {
        const bad = withField(body, ["data", "tool_parameters"], value);
        expect((await ask(app, { ...valid, body: JSON.stringify(bad) })).status).toBe(200);
        expect(JSON.parse(app.lastLine ?? "").data.tool_parameters).toBeNull();
      }
    },
  );
});

describe("a field of a query", () => {
  test.each(named(WITH_QUERY))("of %s that is missing or wrong is refused by its name", async (_, route) => {
    const valid = validRequest(app, route);
    const [path = "", query] = valid.path.split("?");
    for (const { name, in: place, required, schema } of route.operation.parameters ?? []) {
      if (place !== "query") continue;
      const texts = badValues({ path: [name], schema, required }).flatMap(([flaw, value]) =>
        // In a query everything is a text, and an empty one is none.
        typeof value === "string" || typeof value === "number" || value === MISSING
          ? [[flaw, value] as const]
          : [],
      );
      for (const [flaw, value] of [...texts, ...extraTexts(schema["type"])]) {
        if (value === "" && !required) continue;
        if (
          flaw === "a wrong type: number" &&
          schema["type"] === "string" &&
          !("pattern" in schema || "enum" in schema)
        )
          continue;
        const params = new URLSearchParams(query);
        if (value === MISSING) params.delete(name);
        else params.set(name, String(value));
        const answer = await ask(app, { ...valid, path: `${path}?${params.toString()}` });
        // The second spelling of a name is told in the words of the first.
        if (name === "PluginUniqueIdentifier" && value !== MISSING) continue;
        if (value === MISSING && path.endsWith("/decode/from_identifier")) continue;
        expect([name, flaw, answer.status]).toEqual([name, flaw, 400]);
        expectRefusal(answer, name);
      }
    }
  });
});

function extraTexts(type: unknown): (readonly [string, string])[] {
  if (type !== "integer") return [];
  return [
    "",
    "0",
    "-1",
    "1e2",
    "1.5",
    "0x10",
    " 1",
    "1 ",
    "١",
    "99999999999999999999",
    "NaN",
    "true",
    "[]",
  ].map((text) => [`the number ${JSON.stringify(text)}`, text] as const);
}

describe("a tenant", () => {
  const TENANTS = [
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e",
    "%00",
    "a%00b",
    "%0d%0aX-Injected:1",
    "'%20OR%201=1--",
    "__proto__",
    "%F0%9F%A6%8A",
    "x".repeat(20_000),
    "null",
  ];

  test.each(named(IN_TENANT))("of %s that is a path, or a strange text, is nobody", async (_, route) => {
    const valid = validRequest(app, route);
    const before = app.calls;
    for (const text of TENANTS) {
      // Nobody has installed anything there, not even by the valid request of another route.
      const tenant = `${text}.${route.operation.operationId}`;
      const answer = await ask(app, { ...valid, path: valid.path.replace("/t1/", `/${tenant}/`) });
      expect([tenant, answer.status < 500]).toEqual([tenant, true]);
    }
    expect(app.calls).toBe(before);
  });

  test.each(named(IN_TENANT.filter(({ path }) => path.includes("/dispatch/"))))(
    "without the plugin cannot call it by %s",
    async (_, route) => {
      const valid = validRequest(app, route);
      const answer = await ask(app, { ...valid, path: valid.path.replace("/t1/", "/t2/") });
      expect([answer.status, answer.error?.error_type]).toEqual([404, "PluginNotFoundError"]);
    },
  );

  test.each(["%zz", "%", "%FF", "a%C3"])("%s, which is no text, is refused", async (tenant) => {
    for (const { method, path } of IN_TENANT) {
      const answer = await ask(app, { method, path: path.replace(":tenant_id", tenant) });
      expect([path, answer.status]).toEqual([path, 400]);
    }
  });
});

describe("an identifier", () => {
  const headerText = (text: string) => !/[^\x20-\x7e]/.test(text);

  test.each(named(ROUTES.filter(({ path }) => path.startsWith("/v2/invoke/"))))(
    "in the header of %s that is malformed is refused",
    async (_, route) => {
      const valid = validRequest(app, route);
      for (const text of ["", ...BAD_IDENTIFIERS.filter(headerText)]) {
        const headers = { ...valid.headers, "x-plugin-unique-identifier": text };
        const answer = await ask(app, { ...valid, headers });
        expect([text.slice(0, 80), answer.status]).toEqual([text.slice(0, 80), 400]);
        expect(answer.error?.error_type).toBe(
          text === "" ? "PluginDaemonBadRequestError" : "PluginUniqueIdentifierError",
        );
      }
    },
  );

  test("of a plugin in X-Plugin-ID may be any text, and is nobody's", async () => {
    const [route] = CALLS;
    const valid = validRequest(app, route ?? unreachable());
    for (const text of [...BAD_IDENTIFIERS.filter(headerText), "a/n:0.0.1", "a/n ", "A/N", "a%2Fn"]) {
      const answer = await ask(app, { ...valid, headers: { ...valid.headers, "x-plugin-id": text } });
      // A header's text is trimmed on its way.
      if (text.trim() !== "a/n") expect([text.slice(0, 80), answer.status]).toEqual([text.slice(0, 80), 404]);
    }
  });

  test.each(["..%2f..%2fplugd.db", "%2e%2e%2fx", "%00", "a%00.svg", "x".repeat(10_000), "%F0%9F%A6%8A"])(
    "of an asset, %s, is no file",
    async (id) => {
      expect((await ask(app, { method: "GET", path: `/plugin/t1/asset/${id}` })).status).toBe(404);
    },
  );

  test.each([
    "../manifest.yaml",
    "_assets/../manifest.yaml",
    "/etc/passwd",
    "..",
    ".",
    "a\0b",
    "i.svg/",
    "x".repeat(10_000),
  ])("of a file in a package, %j, is no file", async (path) => {
    const query = new URLSearchParams({ plugin_unique_identifier: app.identifier, file_path: path });
    const answer = await ask(app, { method: "GET", path: `/plugin/t1/extract-asset/?${query.toString()}` });
    expect(answer.status).toBe(404);
  });
});

describe("a method", () => {
  const matches = createRouteMatcher(ROUTES);

  test.each(named(ROUTES))("other than that of %s finds nothing", async (_, route) => {
    const valid = validRequest(app, route);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND"]) {
      if (matches(method, valid.path.split("?")[0] ?? "")) continue;
      const answer = await ask(app, { method, path: valid.path });
      expect([method, answer.status]).toEqual([method, 404]);
    }
  });
});

function unreachable(): never {
  throw new Error("there is no such route");
}
