import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { formEvents } from "../../src/http/form-events.ts";
import { rejection } from "../support/rejection.ts";

interface Part {
  readonly name: string;
  readonly isFile: boolean;
  readonly content: string;
}

/** A body that arrives in pieces of the given sizes, the last of them repeated. */
function request(
  body: Buffer,
  sizes: readonly number[] = [body.length || 1],
  onPull: () => void = () => undefined,
): Request {
  let at = 0;
  let turn = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      onPull();
      const size = sizes[Math.min(turn++, sizes.length - 1)] ?? 1;
      if (at < body.length) controller.enqueue(body.subarray(at, at + size));
      else controller.close();
      at += size;
    },
  });
  return new Request("http://localhost/", {
    method: "POST",
    body: stream,
    headers: { "content-type": "multipart/form-data; boundary=cut" },
  });
}

async function partsOf(input: Request): Promise<Part[]> {
  const parts: { name: string; isFile: boolean; pieces: Buffer[] }[] = [];
  for await (const event of formEvents(input))
    if (event.kind === "part") parts.push({ name: event.name, isFile: event.isFile, pieces: [] });
    else parts.at(-1)?.pieces.push(Buffer.from(event.bytes));
  return parts.map(({ name, isFile, pieces }) => ({
    name,
    isFile,
    content: Buffer.concat(pieces).toString("latin1"),
  }));
}

/** A form as clients write it; `\n` stands for CRLF. */
const raw = (text: string) => Buffer.from(text.replaceAll("\n", "\r\n"), "latin1");

test("formEvents() gives the same parts however the body is cut", async () => {
  // Contents are made of what could be taken for the ends of parts.
  const content = fc.array(
    fc.constantFrom("\r\n", "--", "--cut", "cut", "\r", "\n", "-", " ", "x", "\r\n--cut ", "\r\n--cutx"),
    {
      maxLength: 12,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        content.map((pieces) => pieces.join("")),
        { maxLength: 4 },
      ),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }),
      async (contents, sizes) => {
        // A boundary inside would be one, for every reader.
        fc.pre(contents.every((text) => !/\r\n--cut(--|[ \t]*\r\n)/.test(`\r\n${text}\r\n`)));
        const body = contents.map(
          (text, at) =>
            `--cut\r\nContent-Disposition: form-data; name="p${at}"; filename="f"\r\n\r\n${text}\r\n`,
        );
        const parts = await partsOf(request(Buffer.from(`${body.join("")}--cut--\r\n`, "latin1"), sizes));
        if (contents.length > 0)
          expect(parts).toEqual(
            contents.map((text, at) => ({ name: `p${at}`, isFile: true, content: text })),
          );
      },
    ),
    { numRuns: 300 },
  );
});

test("formEvents() skips preamble, epilogue and parts that are no fields", async () => {
  const body = raw(
    "preamble\n--cut\nContent-Disposition: form-data; name=note\n\nfirst\n--cut  \nX-Odd: 1\n\nodd\n--cut\n\nno head\n" +
      '--cut\ncontent-disposition: FORM-DATA; name="file"; filename="a"\nContent-Type: x/y\n\n--cutting\n\n--cut--\nepilogue',
  );
  for (const size of [1, 7, 1000])
    expect(await partsOf(request(body, [size]))).toEqual([
      { name: "note", isFile: false, content: "first" },
      { name: "file", isFile: true, content: "--cutting\r\n" },
    ]);
});

test("formEvents() takes an empty part, also one whose line end is that of its head", async () => {
  for (const end of ["\n\n--cut--", "\n--cut--"])
    for (const size of [1, 1000])
      expect(
        await partsOf(
          request(raw(`--cut\nContent-Disposition: form-data; name=a; filename=b\n${end}`), [size]),
        ),
      ).toEqual([{ name: "a", isFile: true, content: "" }]);
});

test("formEvents() refuses what ends before its last boundary, and a head without an end", async () => {
  for (const text of [
    "",
    "x",
    "--cut",
    "--cut\nContent-Disposition: form-data; name=a",
    "--cut\nA: b\n\nhalf\n--cut",
  ])
    expect(await rejection(partsOf(request(raw(text))))).toMatchObject({
      code: "bad_request",
      message: "Cannot read the form: it ends before its last boundary",
    });
  expect(await rejection(partsOf(request(raw(`--cut\n${"x".repeat(100_000)}`), [1000])))).toMatchObject({
    code: "bad_request",
    message: "Cannot read the form: a part has a head of more than 65536 bytes",
  });
});

test("formEvents() reads a body to its end, whoever stops listening", async () => {
  let pulls = 0;
  const body = raw(
    `--cut\nContent-Disposition: form-data; name=a; filename=b\n\n${"x".repeat(50_000)}\n--cut--`,
  );
  for await (const _ of formEvents(request(body, [1000], () => pulls++))) break;
  expect(pulls).toBeGreaterThan(50);
});
