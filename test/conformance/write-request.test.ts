import { expect, test } from "bun:test";
import type { Step } from "./scenarios/scenario.ts";
import { type RequestFacts, writeRequest } from "./write-request.ts";

const facts: RequestFacts = {
  host: "127.0.0.1:5002",
  serverKey: "k",
  values: new Map([["tenant", "t-1"]]),
  readPackage: (name) => Buffer.from(`bytes of ${name}`),
};

function written(step: Omit<Step, "name">): string {
  const { head, body } = writeRequest({ name: "n", ...step }, facts);
  return head + Buffer.from(body).toString("utf8");
}

test("writeRequest() without a body is a GET with the key", () => {
  expect(written({ path: "/plugin/{{tenant}}/x" })).toBe(
    "GET /plugin/t-1/x HTTP/1.1\r\nHost: 127.0.0.1:5002\r\nConnection: close\r\nX-Api-Key: k\r\n\r\n",
  );
});

test("writeRequest() sends no key, another key, or an empty one", () => {
  expect(written({ path: "/", key: false })).not.toContain("X-Api-Key");
  expect(written({ path: "/", key: "other" })).toContain("X-Api-Key: other\r\n");
  expect(written({ path: "/", key: "" })).toContain("X-Api-Key: \r\n");
});

test("writeRequest() posts JSON with its numbers, and fills in what was captured", () => {
  expect(
    written({
      path: "/x",
      plugin: "a/b",
      headers: { "X-Tenant": "{{tenant}}" },
      body: { json: { tenant: "{{tenant}}", n: JSON.rawJSON("9007199254740993") } },
    }),
  ).toBe(
    [
      "POST /x HTTP/1.1",
      "Host: 127.0.0.1:5002",
      "Connection: close",
      "X-Api-Key: k",
      "X-Plugin-ID: a/b",
      "Content-Type: application/json",
      "X-Tenant: t-1",
      "Content-Length: 37",
      "",
      '{"tenant":"t-1","n":9007199254740993}',
    ].join("\r\n"),
  );
});

test("writeRequest() leaves the content type to the step", () => {
  expect(written({ path: "/", body: { text: "a" } })).not.toContain("Content-Type");
  expect(written({ path: "/", body: { text: "a" }, contentType: "text/plain" })).toContain(
    "Content-Type: text/plain\r\n",
  );
  expect(written({ path: "/", body: { json: {} }, contentType: "" })).not.toContain("Content-Type");
});

test("writeRequest() says the length of an empty POST, and sends a GET with a body", () => {
  expect(written({ path: "/", method: "POST" })).toContain("Content-Length: 0\r\n");
  expect(written({ path: "/", method: "GET", body: { json: {} } })).toStartWith("GET / HTTP/1.1\r\n");
});

test("writeRequest() sends bytes that are no text", () => {
  expect(writeRequest({ name: "n", path: "/", body: { hex: "00ff" } }, facts).body).toEqual(
    Buffer.from([0, 0xff]),
  );
});

test("writeRequest() puts a package into a form, behind its fields", () => {
  const request = written({
    path: "/",
    body: { upload: { field: "dify_pkg", name: "bad/x.difypkg", fields: { verify_signature: "false" } } },
  });
  expect(request).toContain(
    [
      "--conformance0boundary",
      'Content-Disposition: form-data; name="verify_signature"',
      "",
      "false",
      "--conformance0boundary",
      'Content-Disposition: form-data; name="dify_pkg"; filename="x.difypkg"',
      "Content-Type: application/octet-stream",
      "",
      "bytes of bad/x.difypkg",
      "--conformance0boundary--",
      "",
    ].join("\r\n"),
  );
  expect(request).toContain("Content-Type: multipart/form-data; boundary=conformance0boundary\r\n");
});

test("writeRequest() refuses what no earlier step captured", () => {
  expect(() => written({ path: "/{{task}}" })).toThrow('No earlier step captured "task"');
});
