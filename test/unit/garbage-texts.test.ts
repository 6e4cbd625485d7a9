/** Garbage for everything that reads a text from outside: it answers or refuses, in time, and breaks nothing. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import { decodeEnvelope } from "../../src/cli/envelope.ts";
import { parseEnvFile } from "../../src/cli/env-file.ts";
import { boundaryOf, parseHead } from "../../src/http/multipart.ts";
import { JsonSyntaxError, hasFragileNumber, parseExact, rewriteJson } from "../../src/lib/exact-json.ts";
import { findJsonError, findNesting, rawMember, skipJsonValue } from "../../src/lib/json-scan.ts";
import { createLineSplitter } from "../../src/lib/line-splitter.ts";
import { parsePs, parseStat } from "../../src/lib/proc-tree.ts";
import { redactText, stripUserInfo } from "../../src/lib/redact.ts";
import { matchGlob } from "../../src/package/declaration/glob.ts";
import { splitGithubPattern, splitMarketplacePattern } from "../../src/package/bundle/dependency.ts";
import { cleanEntryPath } from "../../src/package/entry-path.ts";
import { parseDecimal } from "../../src/package/yaml/decimal.ts";
import { parseRfc3339, parseUnquotedTime } from "../../src/package/yaml/timestamp.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { parseIdentifier } from "../../src/protocol/identifier.ts";
import { createPlainCodec } from "../../src/protocol/plain/codec.ts";
import { createSdkCodec } from "../../src/protocol/sdk/codec.ts";
import { decodeBlock } from "../../src/protocol/sdk/decode.ts";
import { markerApplies, parseMarker } from "../../src/runtime/local/python/markers.ts";
import { parsePipReport } from "../../src/runtime/local/python/pip-report.ts";
import { parseRequirementsText } from "../../src/runtime/local/python/requirements.ts";
import { parseSpecifier } from "../../src/runtime/local/python/specifier.ts";
import { lockedPins, otherRegistries, parseUvLock } from "../../src/runtime/local/python/uv-lock.ts";
import { parseVersion } from "../../src/runtime/local/python/version.ts";
import { parseIgnoreRules } from "../../src/service/author/ignore-rules.ts";
import {
  checkAll,
  garbageRuns,
  garbageText,
  heldMegabytes,
  LONG_RUNS,
  mutatedText,
  survives,
} from "../support/garbage.ts";
import requests from "../conformance/fixtures/wire-requests.json" with { type: "json" };

setDefaultTimeout(600_000);

/** All properties of this file together get three tenths of a long run. */
const RUNS = garbageRuns({ gate: 100, share: 0.3 / 23 });
/** Where in a valid text a long run is put. */
const PLACES = garbageRuns({ gate: 12, share: 1 / 200 });
/** What the process may hold at the end beyond what it held after the first property. */
const MAX_GROWTH_MB = 200;

const isRefusal = (error: unknown) => error instanceof DaemonError && error.code === "bad_request";
const bytesOf = (text: string) => new TextEncoder().encode(text);

let heldAtFirst = 0;
beforeAll(() => {
  heldAtFirst = heldMegabytes();
});
afterAll(() => {
  expect(heldMegabytes() - heldAtFirst).toBeLessThan(MAX_GROWTH_MB);
});

const check = checkAll(RUNS);

interface TextDecoder {
  /** Texts that it takes, to be broken. */
  readonly valid: readonly string[];
  decode(text: string): unknown;
  readonly isExpected?: (error: unknown) => boolean;
}

const JSON_TEXTS = [
  ...requests.slice(0, 20).map(({ body }) => body),
  '{"a":[1.0,9007199254740993,{"b":"\\u00e9\\n"}],"__proto__":{"c":null},"d":-0}',
];
const LINES = [
  '{"event":"session","session_id":"s","data":{"type":"stream","data":{"type":"text","message":{"text":"a"}}}}',
  '{"event":"session","session_id":"s","data":{"type":"end","data":{}}}',
  '{"event":"session","session_id":"s","data":{"type":"error","data":{"error_type":"E","message":"m","args":{}}}}',
  '{"event":"session","session_id":"s","data":{"type":"invoke","data":{"type":"storage","request":{"opt":"get"}}}}',
  '{"event":"heartbeat","data":{}}',
  '{"event":"log","data":{"level":"INFO","message":"m","timestamp":1.5}}',
];
const PLAIN_LINES = [
  '{"type":"stream_start","session_id":"s1","request_id":"r1"}',
  '{"type":"stream_chunk","data":{"content":"a"}}',
  '{"type": "stream_chunk", "request_id": "r2", "data": {"type": "log", "content": {"label": "l", "data": {"a": 1}}}}',
  '{"type":"stream_chunk","request_id":"r1","data":{"type":"json","content":[1.0]}}',
  '{"type":"stream_end","data":{"total_tokens":100}}',
  '{"type":"backwards","session_id":"s2","request_id":"b","action":"storage.set","data":{"key":"k","value":"v"}}',
  '{"type":"response","session_id":"s2","request_id":"r2","status":"success","data":{"type":"text","content":"t"}}',
  '{"status":"error","error":{"type":"E","message":"m","code":"C"}}',
  '{"type":"heartbeat_ack"}',
  '{"type":"breakpoint","file":"f","line":4,"variables":{"q":"x"}}',
  '{"type":"reload","status":"success","message":"m","declaration":{}}',
];
const MARKERS = {
  sys_platform: "linux",
  python_version: "3.12",
  python_full_version: "3.12.1",
  os_name: "posix",
};
const LOCK = `version = 1
requires-python = ">=3.12"
[[package]]
name = "plugin"
source = { virtual = "." }
dependencies = [{ name = "httpx", extra = ["socks"], marker = "sys_platform == 'linux'" }]
[[package]]
name = "httpx"
version = "0.28.1"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "plugin" }]
wheels = [{ url = "https://x/y.whl", hash = "sha256:00" }]
`;

const TEXT_DECODERS: readonly (readonly [string, TextDecoder])[] = [
  [
    "parseExact()",
    {
      valid: JSON_TEXTS,
      decode(text) {
        const { value, exact } = parseExact(text);
        expect(JSON.parse(JSON.stringify(exact))).toEqual(value);
        expect(rewriteJson(text, value, value)).toBe(text);
      },
      isExpected: (error) => error instanceof JsonSyntaxError && error.problem !== undefined,
    },
  ],
  [
    "what scans JSON",
    {
      valid: JSON_TEXTS,
      decode(text) {
        const problem = findJsonError(text);
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        // The scanner and the engine agree on what is JSON.
        expect(problem === undefined).toBe(parses);
        findNesting(text, 100);
        hasFragileNumber(text);
        if (parses) rawMember(text, ["data", "provider"]);
        skipJsonValue(text, 0);
      },
      isExpected: (error) => error instanceof SyntaxError,
    },
  ],
  [
    "decodeBlock()",
    {
      valid: LINES.map((line) => `${line}\n${LINES.join("\n")}\n`),
      decode: (text) => {
        for (const event of decodeBlock(text))
          if (event.kind === "item") expect(JSON.parse(event.raw)).toEqual(event.value);
      },
    },
  ],
  ["decodeOversize()", { valid: LINES, decode: (text) => createSdkCodec().decodeOversize(text, 10, 5) }],
  [
    "the plain dialect",
    {
      valid: PLAIN_LINES.map((line) => `${line}\n${PLAIN_LINES.join("\n")}\n`),
      decode(text) {
        let made = 0;
        const codec = createPlainCodec({ createRequestId: () => `r${++made}` });
        const session = {
          conversationId: null,
          messageId: null,
          appId: null,
          endpointId: null,
          context: null,
        };
        const data = { type: "tool", action: "invoke_tool" };
        const open = new Set(["s1", "s2"]);
        for (const sessionId of open) codec.encode({ kind: "request", sessionId, session, data });
        codec.decodeOversize(text.slice(0, 40), 100, 40);
        for (const event of codec.decode(text)) {
          if (event.kind === "item") {
            expect(JSON.parse(event.raw)).toEqual(event.value);
            // What has ended is answered no more.
            expect(open.has(event.sessionId)).toBe(true);
          }
          if (event.kind === "end" || event.kind === "error" || event.kind === "broken")
            expect(open.delete(event.sessionId)).toBe(true);
        }
      },
    },
  ],
  [
    "createLineSplitter()",
    {
      valid: [LINES.join("\n")],
      decode(text) {
        // One at the beginning of a block is no part of its text.
        const bytes = bytesOf(text.replaceAll("\ufeff", ""));
        const splitter = createLineSplitter(64);
        let seen = 0;
        for (let at = 0; at < bytes.length; at += 37)
          for (const part of splitter.push(bytes.subarray(at, at + 37)))
            seen += typeof part === "string" ? Buffer.byteLength(part) : part.sizeBytes + 1;
        for (const part of splitter.flush())
          seen += typeof part === "string" ? Buffer.byteLength(part) : part.sizeBytes;
        // Not a byte is lost, whatever the text: marks for what is no UTF-8 are not in it.
        expect(seen).toBe(bytes.length);
      },
    },
  ],
  [
    "parseIdentifier()",
    { valid: [`a/n:0.0.1-rc@${"0".repeat(64)}`, `n:1.2@${"f".repeat(32)}`], decode: parseIdentifier },
  ],
  [
    "decodeEnvelope()",
    {
      valid: ['{"code":-1,"message":"{}","data":null}'],
      decode: decodeEnvelope,
      isExpected: isNamed("ApiError"),
    },
  ],
  [
    "parseEnvFile()",
    {
      valid: ["export A=\"b\\n\" # c\nD='e'"],
      decode: (text) => parseEnvFile(text, "x"),
      isExpected: isNamed("CliError"),
    },
  ],
  [
    "parseHead()",
    {
      valid: ["Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''b\r\nX: y\r\n\r\n"],
      decode: parseHead,
    },
  ],
  [
    "boundaryOf()",
    { valid: ['multipart/form-data; charset=x; boundary="a b"'], decode: boundaryOf, isExpected: isRefusal },
  ],
  ["parseUvLock()", { valid: [LOCK], decode: decodeLock }],
  [
    "parseMarker()",
    {
      valid: [
        "(sys_platform == 'win32' or python_version not in '2.7 3.6') and extra != 'a'",
        "'3.9' <= python_version",
      ],
      decode(text) {
        parseMarker(text);
        markerApplies(text, MARKERS);
      },
    },
  ],
  [
    "parseRequirementsText()",
    {
      valid: [
        "httpx[socks,http2]>=0.27,<1 ; python_version < '3.13' --hash=sha256:00 \\\n --hash=sha256:11\n-r other.txt\n-e ./x\na @ git+https://u:p@h/r@v#egg=a ; os_name == 'x'\n",
      ],
      decode: parseRequirementsText,
    },
  ],
  ["parseSpecifier()", { valid: [">=1.0,<2,!=1.5.*,~=1.2.3,===x"], decode: parseSpecifier }],
  ["parseVersion()", { valid: ["1!2.0.3rc1.post2.dev3+local.1"], decode: parseVersion }],
  [
    "parsePipReport()",
    {
      valid: [
        '{"install":[{"download_info":{"url":"https://x","archive_info":{"hashes":{"sha256":"0"}}},"is_direct":true,"metadata":{"name":"a","version":"1"}}]}',
      ],
      decode: parsePipReport,
    },
  ],
  [
    "parseStat()",
    {
      valid: ["1 (a) b) S 0 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 1 1 1 18446744073709551615 1"],
      decode: (text) => parseStat(text, 4096),
    },
  ],
  ["parsePs()", { valid: ["  1  0  1  1234\n 20 1 20 99\n"], decode: parsePs }],
  [
    "redactText()",
    {
      valid: ['https://u:p@h/?token=abc password="x y" Authorization: Bearer abc'],
      decode: (text) => redactText(stripUserInfo(text)),
    },
  ],
  [
    "parseIgnoreRules()",
    {
      valid: ["*.py\n!a/**/b\n/c/\n[a-z]\\#\n"],
      decode: (text) => parseIgnoreRules(text)(["a", "b.py"], false),
    },
  ],
  [
    "matchGlob()",
    { valid: ["provider/*.yaml", "[a-c]?/\\*.y"], decode: (text) => matchGlob(text, "provider/a.yaml") },
  ],
  ["cleanEntryPath()", { valid: ["_assets/./a//b.svg", "../x"], decode: cleanEntryPath }],
  [
    "scalars of YAML",
    {
      valid: ["2024-07-12T08:03:44.1+02:00", "0x1f", "1_000.5e3", "12345678901234567890.10"],
      decode(text) {
        parseDecimal(text);
        parseRfc3339(text);
        parseUnquotedTime(text);
        splitGithubPattern(text);
        splitMarketplacePattern(text);
      },
    },
  ],
];

test.each(TEXT_DECODERS)("%s survives any text", async (_, { valid, decode, isExpected }) => {
  await check(fc.oneof(garbageText, mutatedText(fc.constantFrom(...valid))), decode, isExpected);
});

// A pattern whose time grows by the square holds up everybody over a few kilobytes.
test.each(TEXT_DECODERS)(
  "%s takes no time by the square of a long run",
  async (_, { valid, decode, isExpected }) => {
    const [text = ""] = valid;
    for (const run of LONG_RUNS)
      for (let at = 0; at <= text.length; at += Math.ceil(text.length / PLACES))
        await survives(() => decode(text.slice(0, at) + run + text.slice(at)), isExpected);
  },
);

function decodeLock(text: string): void {
  const lock = parseUvLock(text);
  if (!lock) return;
  lockedPins(lock, { markers: MARKERS, groups: [] });
  otherRegistries(lock);
}

function isNamed(name: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && error.name === name;
}
