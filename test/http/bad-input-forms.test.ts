import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AppAnswer, ask } from "../support/app-request.ts";
import { packBundle } from "../support/bundle.ts";
import { tinyPackage } from "../support/pack.ts";
import { APP_LIMITS, openWholeApp, type WholeApp } from "../support/whole-app.ts";

const GOOD_PACKAGE = new Uint8Array(tinyPackage());
const GOOD_BUNDLE = packBundle({ assets: { "a.difypkg": GOOD_PACKAGE } });

interface Upload {
  readonly path: string;
  readonly field: string;
  readonly good: Uint8Array<ArrayBuffer>;
  readonly limit: number;
}

const UPLOADS: readonly (readonly [string, Upload])[] = [
  ["package", { path: "package", field: "dify_pkg", good: GOOD_PACKAGE, limit: APP_LIMITS.packageBytes }],
  ["bundle", { path: "bundle", field: "dify_bundle", good: GOOD_BUNDLE, limit: APP_LIMITS.bundleBytes }],
];

let app: WholeApp;
beforeAll(async () => {
  app = await openWholeApp();
});
afterAll(() => app[Symbol.asyncDispose]());

interface Part {
  /** The value of the header `Content-Disposition`; null leaves it out. */
  readonly disposition: string | null;
  readonly content: Uint8Array | string;
}

const fileOf = (field: string, content: Uint8Array | string, name = "a.difypkg"): Part => ({
  disposition: `form-data; name="${field}"; filename="${name}"`,
  content,
});

/** A form, byte by byte. */
function formOf(parts: readonly Part[], boundary = "cut"): Uint8Array<ArrayBuffer> {
  const pieces = parts.flatMap(({ disposition, content }) => [
    `--${boundary}\r\n${disposition === null ? "" : `Content-Disposition: ${disposition}\r\n`}\r\n`,
    content,
    "\r\n",
  ]);
  return new Uint8Array(Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece))));
}

function send(
  { path }: Upload,
  body: Uint8Array<ArrayBuffer> | FormData | string,
  type: string | undefined = "multipart/form-data; boundary=cut",
): Promise<AppAnswer> {
  const headers: Record<string, string> = body instanceof FormData ? {} : { "content-type": type };
  return ask(app, { method: "POST", path: `/plugin/t1/management/install/upload/${path}`, headers, body });
}

/** Uploads answer HTTP 200 whatever is wrong with them (contract/http-api 1.8). */
function expectRefused(answer: AppAnswer, message: string | RegExp): void {
  expect(answer.status).toBe(200);
  expect(answer.code).toBe(-400);
  expect(answer.error?.error_type).toBe("PluginDaemonBadRequestError");
  expect(answer.error?.message).toMatch(message);
}

describe.each(UPLOADS)("an upload of a %s", (_, upload) => {
  const { field, good, limit } = upload;
  const bad = Buffer.from("no archive");

  test("takes a form as clients write it, and one byte by byte", async () => {
    const form = new FormData();
    form.append(field, new Blob([good]), "a.difypkg");
    form.append("verify_signature", "false");
    expect((await send(upload, form)).code).toBe(0);
    expect((await send(upload, formOf([fileOf(field, good)]))).code).toBe(0);
  });

  test("takes the first of two files of one name", async () => {
    expect((await send(upload, formOf([fileOf(field, good), fileOf(field, bad)]))).code).toBe(0);
    expectRefused(await send(upload, formOf([fileOf(field, bad), fileOf(field, good)])), /zip|valid/i);
  });

  test("takes the first of two fields of one name", async () => {
    const flag = (text: string): Part => ({
      disposition: 'form-data; name="verify_signature"',
      content: text,
    });
    const file = fileOf(field, good);
    expect((await send(upload, formOf([flag("false"), flag("true"), file]))).code).toBe(0);
    // The package has no signature.
    expect((await send(upload, formOf([file, flag("true"), flag("false")]))).code).toBe(-400);
  });

  test("takes its file beside others, of other names", async () => {
    const parts = [fileOf("other", bad), fileOf(field, good), fileOf(`${field}2`, bad)];
    expect((await send(upload, formOf(parts))).code).toBe(0);
  });

  test.each<[string, readonly Part[]]>([
    ["no part at all", []],
    ["a file of another name", [fileOf("file", "x")]],
    ["a field in place of the file", [{ disposition: `form-data; name="${field}"`, content: "x" }]],
    [
      "a file without a name of its own",
      [{ disposition: `form-data; name="${field}"; filename=""`, content: "x" }],
    ],
    [
      "a part that is no form's",
      [{ disposition: `attachment; name="${field}"; filename="a"`, content: "x" }],
    ],
    ["a part without a head", [{ disposition: null, content: "x" }]],
    ["a part without a name", [{ disposition: 'form-data; filename="a"', content: "x" }]],
    ["a name in another case", [fileOf(field.toUpperCase(), "x")]],
  ])("with %s has no file", async (_name, parts) => {
    // A form of no part is its last boundary alone.
    const answer = await send(upload, formOf(parts));
    expectRefused(answer, "http: no such file");
  });

  test.each([
    ["text/plain", /Content-Type isn't multipart/],
    ["application/json", /Content-Type isn't multipart/],
    ["multipart/mixed; boundary=cut", /Content-Type isn't multipart/],
    ["multipart/form-data", /no multipart boundary/],
    ["multipart/form-data; boundary=", /no multipart boundary/],
    ['multipart/form-data; boundary="', /no multipart boundary/],
    ["multipart/form-data; boundary=other", /ends before its last boundary/],
    [`multipart/form-data; boundary=${"b".repeat(10_000)}`, /ends before its last boundary/],
  ])("of type %s is refused", async (type, message) => {
    expectRefused(await send(upload, formOf([fileOf(field, good)]), type), message);
  });

  test.each<[string, string]>([
    ["nothing", ""],
    ["no form", "PK"],
    ["JSON", "{}"],
    ["half of a boundary", "--cu"],
    ["boundaries alone", "--cut\r\n--cut\r\n--cut\r\n"],
    ["a boundary that goes on", "--cutting\r\n\r\n--cutting--"],
  ])("that is %s is refused", async (_name, text) => {
    expectRefused(await send(upload, text), /ends before its last boundary/);
  });

  test("that was cut is refused, wherever it was", async () => {
    const body = formOf([
      fileOf(field, good),
      { disposition: 'form-data; name="verify_signature"', content: "false" },
    ]);
    // Its last line end is not missed.
    const positions = [
      ...Array(200).keys(),
      ...Array.from({ length: 100 }, (_at, index) => body.length - 3 - index),
    ];
    for (const end of positions) {
      const answer = await send(upload, body.slice(0, end));
      expect([end, answer.status, answer.code]).toEqual([end, 200, -400]);
    }
  });

  test.each<[string, Part]>([
    ["name", { disposition: `form-data; name="${"n".repeat(500_000)}"`, content: "x" }],
    ["file name", fileOf("other", "x", "n".repeat(500_000))],
    ["value", { disposition: 'form-data; name="note"', content: "v".repeat(900_000) }],
  ])("with a huge %s keeps nothing of it", async (_name, part) => {
    const answer = await send(upload, formOf([part, fileOf(field, good)]));
    expect(answer.status).toBe(200);
    expect([0, -400]).toContain(answer.code ?? Number.NaN);
  });

  test("with thousands of parts is read in no time", async () => {
    const many = Array.from({ length: 5000 }, (_at, index): Part => ({
      disposition: `form-data; name="f${index}"`,
      content: "x",
    }));
    const began = performance.now();
    expect((await send(upload, formOf([...many, fileOf(field, good)]))).code).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test("with names that mean something to objects is as any other", async () => {
    const odd = ["__proto__", "constructor", "toString"].map((name): Part => ({
      disposition: `form-data; name="${name}"`,
      content: "true",
    }));
    expect((await send(upload, formOf([...odd, fileOf(field, good, "../../etc/passwd\\0")]))).code).toBe(0);
    expect(Reflect.get({}, "true")).toBeUndefined();
  });

  test("above its limit by one byte is refused, and so is one far above it", async () => {
    for (const size of [limit + 1, 3 * limit])
      expectRefused(
        await send(upload, formOf([fileOf(field, new Uint8Array(size))])),
        "file size exceeds the maximum limit",
      );
    expectRefused(await send(upload, formOf([fileOf(field, new Uint8Array(limit))])), /valid/);
  });

  test("announced wrongly is read as what it is", async () => {
    for (const length of ["-1", "0", "1.5", "1e3", "NaN", "99999999999999999999", ""]) {
      const path = `/plugin/t1/management/install/upload/${upload.path}`;
      const headers = { "content-type": "multipart/form-data; boundary=cut", "content-length": length };
      const answer = await ask(app, { method: "POST", path, headers, body: formOf([fileOf(field, good)]) });
      expect([length, answer.code]).toEqual([length, 0]);
    }
  });
});
