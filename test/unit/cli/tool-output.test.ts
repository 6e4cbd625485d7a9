import { expect, test } from "bun:test";
import { toolOutput } from "../../../src/cli/tool-output.ts";
import { testIo } from "./test-io.ts";

const text = (words: string) => ({ type: "text", message: { text: words }, meta: null });

function shown(items: readonly unknown[], options: { readonly terminal?: boolean } = {}) {
  const io = testIo(options);
  const output = toolOutput(io);
  for (const item of items) output.write(item);
  output.end();
  return { out: io.stdout.text, err: io.stderr.text, writes: io.stdout.writes };
}

test("toolOutput() writes pieces of text as they come and ends the last line", () => {
  expect(shown([text("Hel"), text("lo\nwor"), text("ld")]).writes).toEqual(["Hel", "lo\nwor", "ld", "\n"]);
});

test("toolOutput() adds no line end to a text that has one, and writes nothing for nothing", () => {
  expect(shown([text("done\n")]).out).toBe("done\n");
  expect(shown([]).out).toBe("");
});

test("toolOutput() gives everything else a line of its own", () => {
  const { out } = shown([
    text("Look:"),
    { type: "json", message: { json_object: { a: [1] } }, meta: null },
    { type: "link", message: { text: "https://example.org" }, meta: null },
    { type: "image_link", message: { text: "https://example.org/i.png" }, meta: {} },
    { type: "variable", message: { variable_name: "n", variable_value: 3, stream: false }, meta: null },
    { type: "file", message: {}, meta: { file: { id: "f" } } },
    { type: "retriever_resources", message: { retriever_resources: [{ id: 1 }], context: "" }, meta: null },
    { type: "something_new", message: { x: 1 }, meta: null },
    text("End"),
  ]);
  expect(out.split("\n")).toEqual([
    "Look:",
    '{"a":[1]}',
    "[link] https://example.org",
    "[image] https://example.org/i.png",
    "n = 3",
    '[file] {"file":{"id":"f"}}',
    '[resources] [{"id":1}]',
    '[something_new] {"x":1}',
    "End",
    "",
  ]);
});

test("toolOutput() joins a streamed variable under one heading", () => {
  const variable = (name: string, value: string) => ({
    type: "variable",
    message: { variable_name: name, variable_value: value, stream: true },
    meta: null,
  });
  expect(shown([variable("a", "x"), variable("a", "y"), variable("b", "z")]).out).toBe("a = xy\nb = z\n");
});

test("toolOutput() tells the size and type of a blob, not its bytes", () => {
  const blob = Buffer.alloc(10_240).toString("base64");
  const meta = { mime_type: "image/png", filename: "a.png" };
  expect(shown([{ type: "blob", message: { blob }, meta }]).out).toBe("[blob 10 kB image/png a.png]\n");
});

test.each([0, 1, 2, 3, 4])("toolOutput() counts %p bytes of base64 right", (count) => {
  const blob = Buffer.alloc(count).toString("base64");
  expect(shown([{ type: "blob", message: { blob }, meta: null }]).out).toBe(`[blob ${count} B]\n`);
});

test("toolOutput() adds the chunks of a blob up, also of two at once", () => {
  const chunk = (id: string, bytes: number, end: boolean) => ({
    type: "blob_chunk",
    message: { id, sequence: 0, total_length: 0, blob: Buffer.alloc(bytes).toString("base64"), end },
    meta: { mime_type: "text/plain" },
  });
  const items = [chunk("a", 100, false), chunk("b", 7, false), chunk("a", 50, true), chunk("b", 1, true)];
  expect(shown(items).out).toBe("[blob 150 B text/plain]\n[blob 8 B text/plain]\n");
});

test("toolOutput() sends a tool's log to stderr", () => {
  const log = (status: string, error?: string) => ({
    type: "log",
    message: { id: "1", label: "Search", status, error, data: {} },
    meta: null,
  });
  const { out, err } = shown([text("a"), log("start"), log("error", "no net"), text("b")]);
  expect(out).toBe("a\nb\n");
  expect(err).toBe("[log] Search: start\n[log] Search: error (no net)\n");
});

test("toolOutput() shows what is no tool message as it is", () => {
  expect(shown([{ result: true }, 7]).out).toBe('{"result":true}\n7\n');
});

test("toolOutput() keeps a plugin from driving the terminal", () => {
  expect(shown([text("a\u001b[2Jb")], { terminal: true }).out).toBe("a[2Jb\n");
});
