import { expect, test } from "bun:test";
import { MAX_HEAD_BYTES, parseHead, readUploadForm } from "../../src/http/multipart.ts";
import { rejection } from "../support/rejection.ts";

const OPTIONS = { fileField: "dify_pkg", maxFileBytes: 1000 };

function post(body: string | FormData | ReadableStream<Uint8Array>, contentType?: string): Request {
  const headers = contentType === undefined ? {} : { "content-type": contentType };
  return new Request("http://localhost/upload", { method: "POST", body, headers });
}

/** A form as clients write it; `\n` stands for CRLF. */
function raw(text: string, contentType = "multipart/form-data; boundary=cut"): Request {
  return post(text.replaceAll("\n", "\r\n"), contentType);
}

async function fails(request: Request, text: string): Promise<void> {
  expect(await rejection(readUploadForm(request, OPTIONS))).toMatchObject({
    code: "bad_request",
    message: expect.stringContaining(text),
  });
}

test("readUploadForm() reads what FormData writes, byte by byte", async () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
  const form = new FormData();
  form.append("verify_signature", "true");
  form.append("dify_pkg", new Blob([bytes]), 'ünï "code".difypkg');
  const { file, fields } = await readUploadForm(post(form), OPTIONS);
  expect(file).toEqual(Buffer.from(bytes));
  expect([...fields]).toEqual([["verify_signature", "true"]]);
});

test("readUploadForm() takes the first of two, keeps boundaries inside of content and skips strange parts", async () => {
  const { file, fields } = await readUploadForm(
    raw(
      "preamble\n--cut\nContent-Disposition: form-data; name=note\n\nfirst\n--cut\n" +
        'content-disposition: FORM-DATA; name="note"\n\nsecond\n--cut\nX-Odd: 1\n\nodd\n--cut\n\nno head\n' +
        '--cut\nContent-Disposition: form-data; name="dify_pkg"; filename="a"\nContent-Type: x/y\n\n--cutting\n\n--cut--\nepilogue',
      'Multipart/Form-Data; charset=utf-8; boundary="cut"',
    ),
    OPTIONS,
  );
  expect(Buffer.from(file).toString()).toBe("--cutting\r\n");
  expect([...fields]).toEqual([["note", "first"]]);
});

test("parseHead() reads names however they are written", () => {
  for (const [parameters, name, isFile] of [
    ['name="a"', "a", false],
    ["name=a", "a", false],
    ['NAME = "a" ; FileName = b', "a", true],
    ['filename="x; name=y";name="a"', "a", true],
    ['name="a\\"b"', 'a\\"b', false],
    ["name=a; filename*=UTF-8''x", "a", true],
    ['name=""; filename=""', "", false],
  ] as const)
    expect(parseHead(`X: y\r\nContent-Disposition: form-data; ${parameters}\r\n\r\n`)).toEqual({
      name,
      isFile,
    });
  for (const parameters of ["", "filename=a", "name", "=a"])
    expect(parseHead(`Content-Disposition: form-data; ${parameters}\r\n\r\n`)).toBeUndefined();
});

test("parseHead() takes no longer for what is no parameter", () => {
  const long = "n".repeat(MAX_HEAD_BYTES);
  const began = performance.now();
  for (const parameters of [
    long,
    `${long}=`,
    `"${long}`,
    " ".repeat(MAX_HEAD_BYTES),
    ";a".repeat(30_000),
    ';a="'.repeat(16_000),
  ])
    parseHead(`Content-Disposition: form-data; ${parameters}\r\n\r\n`);
  expect(performance.now() - began).toBeLessThan(1000);
});

test("readUploadForm() takes no part with a head beyond all reason, and no length that is none", async () => {
  await fails(
    raw(`--cut\nContent-Disposition: form-data; name="${"n".repeat(MAX_HEAD_BYTES)}"\n\nx\n--cut--`),
    "a head of more than 65536 bytes",
  );
  const form = raw('--cut\nContent-Disposition: form-data; name="dify_pkg"; filename="a"\n\nx\n--cut--\n');
  form.headers.set("content-length", "-5");
  expect((await readUploadForm(form, OPTIONS)).file.byteLength).toBe(1);
});

test("readUploadForm() takes an empty file", async () => {
  const { file } = await readUploadForm(
    raw('--cut\nContent-Disposition: form-data; name="dify_pkg"; filename="a"\n\n\n--cut--\n'),
    OPTIONS,
  );
  expect(file.byteLength).toBe(0);
});

test("readUploadForm() refuses what is no form", async () => {
  await fails(post("PK", "application/octet-stream"), "request Content-Type isn't multipart/form-data");
  await fails(post("{}", "application/json"), "request Content-Type isn't multipart/form-data");
  await fails(raw("x", "multipart/form-data"), "no multipart boundary param in Content-Type");
  await fails(raw(""), "it ends before its last boundary");
  await fails(raw("--cut"), "it ends before its last boundary");
  await fails(raw('--cut\nContent-Disposition: form-data; name="dify_pkg"; filename="a"\n\nhalf'), "it ends");
});

test("readUploadForm() refuses a form without the file, and a field in its place", async () => {
  const other = new FormData();
  other.append("file", new Blob(["x"]), "a.difypkg");
  await fails(post(other), "http: no such file");
  const field = new FormData();
  field.append("dify_pkg", "x");
  await fails(post(field), "http: no such file");
});

test("readUploadForm() refuses a file over the limit by one byte", async () => {
  const form = new FormData();
  form.append("dify_pkg", new Blob([new Uint8Array(1001)]), "a.difypkg");
  await fails(post(form), "file size exceeds the maximum limit");
});

test("readUploadForm() reads on after the limit, so that the client hears why, but not for ever", async () => {
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1 << 20;
      controller.enqueue(new Uint8Array(1 << 20));
    },
  });
  await fails(post(endless, "multipart/form-data; boundary=cut"), "file size exceeds the maximum limit");
  expect(sent).toBeLessThan(16 << 20);
});

test("readUploadForm() assembles a body whose length was not announced", async () => {
  const bytes = Buffer.alloc(300_000, "abc");
  const chunks = [
    Buffer.from('--cut\r\nContent-Disposition: form-data; name="dify_pkg"; filename="a"\r\n\r\n'),
    bytes.subarray(0, 70_000),
    bytes.subarray(70_000),
    Buffer.from("\r\n--c"),
    Buffer.from("ut--\r\n"),
  ];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const { file } = await readUploadForm(post(body, "multipart/form-data; boundary=cut"), {
    fileField: "dify_pkg",
    maxFileBytes: 300_000,
  });
  expect(Buffer.from(file).equals(bytes)).toBe(true);
});

test("readUploadForm() holds a body of a known length once, and answers a view of it", async () => {
  const head = '--cut\r\nContent-Disposition: form-data; name="dify_pkg"; filename="a"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(5_000_000), Buffer.from("\r\n--cut--\r\n")]);
  const request = new Request("http://localhost/upload", {
    method: "POST",
    body,
    headers: {
      "content-type": "multipart/form-data; boundary=cut",
      "content-length": String(body.byteLength),
    },
  });
  const { file } = await readUploadForm(request, { fileField: "dify_pkg", maxFileBytes: 6_000_000 });
  expect(file.byteLength).toBe(5_000_000);
  expect(file.buffer.byteLength).toBe(body.byteLength);
});
