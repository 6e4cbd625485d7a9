import { describe, expect, test } from "bun:test";
import { normalise, normaliseText, type RunFacts } from "./normalise.ts";

const facts: RunFacts = {
  captured: new Map(),
  host: "127.0.0.1:5002",
  platformHost: "127.0.0.1:5004",
  now: Date.parse("2026-05-01T12:00:00Z"),
};
const text = (value: string, more: Partial<RunFacts> = {}) => normaliseText(value, { ...facts, ...more });

describe("normaliseText()", () => {
  test.each([
    ["a uuid", "id 0197f000-0000-7000-8000-000000000001.", "id <uuid>."],
    ["32 hex digits", "hook d41d8cd98f00b204e9800998ecf8427e", "hook <hex32>"],
    ["a trace", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "<traceparent>"],
    ["a time of today", "at 2026-05-01T10:00:00.123456Z", "at <now>"],
    ["a time of today elsewhere", "2026-05-01T10:00:00+02:00", "<now>"],
    ["the daemon's address", "http://127.0.0.1:5002/e", "http://{{host}}/e"],
    ["a link into the manual of a version", "see https://errors.pydantic.dev/2.11/v/missing", "see <link>"],
    ["the words of a validator", "Key: 'A.B' Error:x\nKey: 'A.C' Error:y", "<words of the validator>"],
    ["a traceback", '{"traceback": "Trace \\"x\\" y"}', '{"traceback": "<traceback>"}'],
  ])("takes out %s", (_, given, expected) => {
    expect(text(given)).toBe(expected);
  });

  test.each([
    ["a time long ago", "2025-05-01T10:00:00Z"],
    ["a checksum of 64 digits", "a".repeat(64)],
    ["the made-up checksum of the scenarios", "0123456789abcdef0123456789abcdef"],
    ["another address", "http://127.0.0.1:5003/"],
  ])("leaves %s", (_, given) => {
    expect(text(given)).toBe(given);
  });

  test("puts names for what was captured, the longest first, but not for short texts and checksums", () => {
    const identifier = `a/b:0.0.1@${"c".repeat(64)}`;
    const asset = `${"d".repeat(64)}.svg`;
    const captured = new Map([
      ["tenant", "tenant-1"],
      ["task", "tenant-1-task"],
      ["short", "abc"],
      ["identifier", identifier],
      ["asset", asset],
    ]);
    expect(text("tenant-1 tenant-1-task abc", { captured })).toBe("{{tenant}} {{task}} abc");
    expect(text(`${identifier} ${asset}`, { captured })).toBe(`${identifier} ${asset}`);
  });

  test("makes length and checksum of a long text, so that its every character counts", () => {
    const long = "x".repeat(2501);
    expect(text(long)).toMatch(/^<2501 characters, sha256 [0-9a-f]{64}>$/);
    expect(text(long)).not.toBe(text(`${long.slice(1)}y`));
    expect(text(long.slice(1))).toBe(long.slice(1));
  });
});

describe("normalise()", () => {
  test("unfolds JSON in texts, however deep", () => {
    const inner = JSON.stringify({ error_type: "E", args: { big: 1 } });
    expect(normalise({ message: JSON.stringify({ message: inner }) }, facts)).toEqual({
      message: { $text: { message: { $text: { error_type: "E", args: { big: 1 } } } } },
    });
    expect(normalise(["[1]", "{broken", "5", '"x"'], facts)).toEqual([{ $text: [1] }, "{broken", "5", '"x"']);
  });

  test("keeps big integers in unfolded JSON", () => {
    expect(normalise('{"n":9007199254740993}', facts)).toEqual({
      $text: { n: { $int: "9007199254740993" } },
    });
  });

  test("takes out tracebacks and hook ids by their key, and ids in keys", () => {
    expect(
      normalise(
        {
          traceback: "Traceback …",
          hook_id: "abcdefgh12345678",
          "0197f000-0000-7000-8000-000000000001": 1,
          other: "abcdefgh12345678",
        },
        facts,
      ),
    ).toEqual({ traceback: "<traceback>", hook_id: "<hook>", "<uuid>": 1, other: "abcdefgh12345678" });
  });

  test("leaves numbers, booleans and null", () => {
    expect(normalise([1.5, true, null], facts)).toEqual([1.5, true, null]);
  });
});
