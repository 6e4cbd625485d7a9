import { expect, test } from "bun:test";
import { BindingError } from "../../src/http/binding-error.ts";
import {
  identifier,
  identifiers,
  optionalObject,
  optionalObjects,
  queryInteger,
  text,
  texts,
} from "../../src/http/field-checks.ts";
import { PAGE_FIELDS, pageOf } from "../../src/http/paging.ts";
import { decodeFields, firstOf } from "../../src/http/request-fields.ts";
import { rejection } from "../support/rejection.ts";

const JSON_TYPE = "application/json";
const ID = `a/n:0.0.1@${"0".repeat(32)}`;

function get(query: string, contentType?: string): Request {
  const headers = contentType === undefined ? {} : { "content-type": contentType };
  return new Request(`http://localhost/x${query}`, { headers });
}

function post(body: string, contentType: string): Request {
  return new Request("http://localhost/x?source=query", {
    method: "POST",
    body,
    headers: { "content-type": contentType },
  });
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await rejection(work);
  expect(error).toBeInstanceOf(BindingError);
  return error instanceof BindingError ? error.message : "";
}

function failure(field: string, rule: string): string {
  return `Key: '${field}' Error:Field validation for '${field}' failed on the '${rule}' tag`;
}

test("PAGE_FIELDS take 1 and up, and pages of at most 256", async () => {
  expect(pageOf(await decodeFields(get("?page=3&page_size=256"), PAGE_FIELDS))).toEqual({
    offset: 512,
    limit: 256,
  });
  for (const [query, message] of [
    ["", `${failure("Page", "required")}\n${failure("PageSize", "required")}`],
    ["?page=0&page_size=10", failure("Page", "required")],
    ["?page=one&page_size=10", failure("Page", "required")],
    ["?page=1.5&page_size=10", failure("Page", "required")],
    ["?page=-1&page_size=10", failure("Page", "min")],
    ["?page=1&page_size=257", failure("PageSize", "max")],
    ["?page=99999999999999999999&page_size=1", failure("Page", "required")],
  ] as const)
    expect(await messageOf(decodeFields(get(query), PAGE_FIELDS))).toBe(message);
});

test("a GET that says exactly JSON has no query; with a parameter it has", async () => {
  expect(await messageOf(decodeFields(get("?page=1&page_size=1", JSON_TYPE), PAGE_FIELDS))).toContain(
    "required",
  );
  await decodeFields(get("?page=1&page_size=1", "application/json; charset=utf-8"), PAGE_FIELDS);
});

test("JSON fields come from a JSON body only, with or without parameters of its content type", async () => {
  const fields = { source: text("source") };
  for (const type of [JSON_TYPE, "Application/JSON; charset=utf-8"])
    expect(await decodeFields(post('{"source":"body"}', type), fields)).toEqual({ source: "body" });
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
    expect(await messageOf(decodeFields(post("source=form", type), fields))).toBe(
      failure("Source", "required"),
    );
});

test("query fields of a POST come from the form and the query", async () => {
  const fields = { page: queryInteger("page", { min: 1 }) };
  expect(await decodeFields(post("page=4", "application/x-www-form-urlencoded"), fields)).toEqual({
    page: 4,
  });
});

test("a broken JSON body is told by line and column; an empty one lacks its fields", async () => {
  const fields = { source: text("source") };
  expect(await messageOf(decodeFields(post('{\n  "source": oops\n}', JSON_TYPE), fields))).toMatch(
    /^Cannot read the body: Cannot parse JSON at line 2, column 13/,
  );
  expect(await messageOf(decodeFields(post("[".repeat(100_000), JSON_TYPE), fields))).toContain(
    "Cannot read the body",
  );
  for (const body of [
    "",
    "  ",
    "null",
    "[]",
    "5",
    '"source"',
    '{"source":5}',
    '{"source":""}',
    '{"__proto__":1}',
  ])
    expect(await messageOf(decodeFields(post(body, JSON_TYPE), fields))).toBe(failure("Source", "required"));
});

test("identifiers() takes an empty list and tells which entry is none", async () => {
  const fields = { ids: identifiers("plugin_unique_identifiers", { max: 2 }) };
  const decode = (value: unknown) =>
    decodeFields(post(JSON.stringify({ plugin_unique_identifiers: value }), JSON_TYPE), fields);
  expect(await decode([])).toEqual({ ids: [] });
  expect(await decode([ID, ID])).toEqual({ ids: [ID, ID] });
  for (const [value, field, rule] of [
    [null, "PluginUniqueIdentifiers", "required"],
    ["x", "PluginUniqueIdentifiers", "required"],
    [[ID, ID, ID], "PluginUniqueIdentifiers", "max"],
    [[ID, "nonsense"], "PluginUniqueIdentifiers[1]", "plugin_unique_identifier"],
    [[5], "PluginUniqueIdentifiers[0]", "plugin_unique_identifier"],
  ] as const)
    expect(await messageOf(decode(value))).toBe(failure(field, rule));
});

test("texts() refuses an entry that is no text", async () => {
  const fields = { ids: texts("plugin_ids", { max: 3 }) };
  expect(await decodeFields(post('{"plugin_ids":["a",""]}', JSON_TYPE), fields)).toEqual({ ids: ["a", ""] });
  expect(await messageOf(decodeFields(post('{"plugin_ids":["a",1]}', JSON_TYPE), fields))).toBe(
    failure("PluginIDs[1]", "string").replaceAll("IDs", "Ids"),
  );
});

test("optionalObjects() and optionalObject() take null, and refuse what is no object", async () => {
  const fields = { metas: optionalObjects("metas"), meta: optionalObject("meta") };
  const decode = (body: unknown) => decodeFields(post(JSON.stringify(body), JSON_TYPE), fields);
  expect(await decode({})).toEqual({ metas: [], meta: {} });
  expect(await decode({ metas: [null, { a: 1 }], meta: { b: [2] } })).toEqual({
    metas: [null, { a: 1 }],
    meta: { b: [2] },
  });
  expect(await messageOf(decode({ metas: {}, meta: [] }))).toBe(
    `${failure("Metas", "array")}\n${failure("Meta", "map")}`,
  );
  expect(await messageOf(decode({ metas: [1] }))).toBe(failure("Metas", "map"));
});

test("firstOf() asks the second spelling only when the first was left out", async () => {
  const fields = {
    id: firstOf(identifier("plugin_unique_identifier", ["query"]), identifier("Other", ["query"])),
  };
  const query = (id: string) => `plugin_unique_identifier=${encodeURIComponent(id)}`;
  expect(await decodeFields(get(`?${query(ID)}`), fields)).toEqual({ id: ID });
  expect(await decodeFields(get(`?Other=${encodeURIComponent(ID)}`), fields)).toEqual({ id: ID });
  for (const bad of ["", `?${query("x")}&Other=${encodeURIComponent(ID)}`, "?Other=x"])
    expect(await messageOf(decodeFields(get(bad), fields))).toContain("PluginUniqueIdentifier");
});
