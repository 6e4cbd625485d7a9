import { describe, expect, test } from "bun:test";
import { allOperations } from "../../src/http/openapi/all-operations.ts";
import { buildDocument } from "../../src/http/openapi/document.ts";
import { answerSchema, requestSchema } from "../../src/http/openapi/json-schema.ts";
import { renderPage } from "../../src/http/openapi/page.ts";
import { ACTIONS } from "../../src/protocol/actions/catalogue.ts";

const operations = allOperations({ openDocs: false });
const document = buildDocument({
  version: "1.2.3",
  routes: Object.entries(operations).map(([route, operation]) => {
    const [method = "", path = ""] = route.split(" ");
    return { method, path, operation };
  }),
});

/** Every `$ref` in a value. */
function refs(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "$ref" && typeof item === "string" ? [item] : refs(item),
  );
}

describe("buildDocument()", () => {
  test("has a path for every operation, with its parameters in braces", () => {
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(listed).toHaveLength(Object.keys(operations).length);
    expect(listed).toContain("POST /plugin/{tenant_id}/dispatch/tool/invoke");
    expect(listed).toContain("POST /plugin/{tenant_id}/management/install/tasks/{id}/delete/{rest}");
    expect(JSON.stringify(document)).not.toContain(":tenant_id");
  });

  test("gives every operation an id of its own", () => {
    const ids = Object.values(operations).map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("refers to nothing that it does not have", () => {
    const known = new Set(
      Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`),
    );
    const used = new Set(refs(document));
    expect([...used].filter((ref) => !known.has(ref))).toEqual([]);
    expect([...known].filter((ref) => !used.has(ref))).toEqual([]);
  });

  test("wants the key everywhere but on the open routes, and tells what happens without", () => {
    const open = Object.entries(operations)
      .filter(([, operation]) => operation.security?.length === 0)
      .map(([route]) => route);
    const hooks = ["HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS"].map(
      (method) => `${method} /e/:hook_id/*`,
    );
    const functions = [
      "POST /function/:secret/backwards-invocation/transaction",
      "POST /backwards-invocation/transaction",
    ];
    expect(open).toEqual(["GET /health/check", "GET /metrics/", ...functions, ...hooks]);
    expect(document.paths["/plugin/{tenant_id}/management/list"]?.["get"]).toMatchObject({
      security: [{ key: [] }],
      responses: { "401": {} },
    });
    const opened = allOperations({ openDocs: true });
    expect(opened["GET /docs"]?.security).toEqual([]);
  });

  test("tells a failure from a success by its code", () => {
    const { code } = document.components.schemas.Failure.properties;
    expect(code).toEqual({ type: "integer", enum: [-500, -404, -403, -401, -400] });
    expect(JSON.stringify(document.paths)).toContain('"code":{"const":0}');
  });

  test("is JSON: no function, no symbol, no undefined in it", () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});

describe("requestSchema()", () => {
  const tool = ACTIONS.find(({ action }) => action === "invoke_tool");

  test("requires what a call is refused without, and nothing else", () => {
    const schema = requestSchema(tool!.shapes().body);
    expect(schema["required"]).toEqual(["data"]);
    expect(schema).toMatchObject({ properties: { data: { required: ["provider", "tool"] } } });
  });

  test("does not require an object that is filled in whole where it was left out", () => {
    const llm = ACTIONS.find(({ action }) => action === "invoke_llm");
    const text = JSON.stringify(requestSchema(llm!.shapes().body));
    expect(text).toContain('"tool_calls":');
    expect(text).not.toContain('"required":["function"]');
  });

  test("agrees with what the catalogue refuses", () => {
    for (const row of ACTIONS) {
      const { properties } = requestSchema(row.shapes().body) as {
        properties: { data: { required?: string[] } };
      };
      let refused: string[] = [];
      try {
        row.prepare({ value: { data: {} }, exact: { data: {} } });
      } catch (error) {
        refused = [...String(error).matchAll(/Key: 'data\.([a-z_]+)/g)].map((match) => match[1]!);
      }
      const required = properties.data.required ?? [];
      expect({ action: row.action, refused: [...new Set(refused)].sort() }).toEqual({
        action: row.action,
        refused: [...required].sort(),
      });
    }
  });
});

describe("answerSchema()", () => {
  test("keeps no annotation of ours", () => {
    for (const row of ACTIONS) {
      const { item } = row.shapes();
      if (item) expect(JSON.stringify(answerSchema(item))).not.toMatch(/"(omit|refine)"/);
    }
  });
});

describe("renderPage()", () => {
  const page = renderPage(document);

  test("shows every operation", () => {
    const shapes = Object.keys(document.components.schemas).length;
    expect(page.match(/<details /g)).toHaveLength(Object.keys(operations).length + shapes);
  });

  test("brings nothing from elsewhere and runs nothing", () => {
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:\/\//);
  });

  test("escapes what it shows", () => {
    const hostile = renderPage(
      buildDocument({
        version: "<script>1</script>",
        routes: [
          {
            method: "GET",
            path: "/<x>",
            operation: { operationId: "x", summary: "<b>&", tags: ["<i>"], responses: {} },
          },
        ],
      }),
    );
    expect(hostile).not.toMatch(/<script|<x>|<i>|<b>&/);
  });
});
