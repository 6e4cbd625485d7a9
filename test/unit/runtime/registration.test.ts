import { describe, expect, test } from "bun:test";
import {
  INITIAL_REGISTRATION,
  nextRegistration,
  type RegistrationEffect,
  type RegistrationInput,
} from "../../../src/runtime/debug/registration.ts";
import { ASSET, END, handshake, manifestMessage, toolMessage } from "../../support/debug-client.ts";

interface Message {
  readonly type: string;
  readonly data: unknown;
}

const TENANT: RegistrationInput = { kind: "tenant", tenantId: "t1" };
const message = ({ type, data }: Message): RegistrationInput => ({ kind: "message", type, data });
const started = [message(handshake("k")), TENANT];

/** The effect of the last of these; the ones before must have been taken. */
function run(...inputs: readonly RegistrationInput[]): RegistrationEffect {
  let state = INITIAL_REGISTRATION;
  let effect: RegistrationEffect = { kind: "read_on" };
  for (const input of inputs) {
    expect(effect.kind === "read_on" || effect.kind === "check_key").toBe(true);
    ({ state, effect } = nextRegistration(state, input));
  }
  return effect;
}

const declare = (...messages: readonly Message[]) => run(...started, ...messages.map(message));
const asset = (data: unknown) => ({ type: "asset_chunk", data });
const provider = (kind: string, data: unknown) => ({ type: `${kind}_declaration`, data });

describe("nextRegistration() before the key is known", () => {
  test("asks whose key it is", () => {
    expect(run(message(handshake("k")))).toEqual({ kind: "check_key", key: "k" });
  });

  test.each<readonly [string, RegistrationInput]>([
    ["no message", { kind: "malformed" }],
    ["another message", message(manifestMessage())],
    ["a message that nobody knows", message({ type: "surprise", data: {} })],
    ["a key that is a number", message({ type: "handshake", data: { key: 5 } })],
    ["an empty key", message(handshake(""))],
    ["no key", message({ type: "handshake", data: null })],
  ])("refuses %s", (_, input) => {
    expect(run(input)).toEqual({ kind: "refuse", text: "handshake failed, invalid handshake message" });
  });

  test("refuses a key that nobody has", () => {
    expect(run(message(handshake("k")), { kind: "unknown_key" })).toEqual({
      kind: "refuse",
      text: "handshake failed, invalid key",
    });
  });
});

describe("nextRegistration() while it is declared", () => {
  test("gives all of it at the end, chunks of a file joined", () => {
    const half = (text: string) => asset({ filename: "b.bin", data: Buffer.from(text).toString("base64") });
    const effect = declare(manifestMessage(), half("ab"), toolMessage(), ASSET, half("cde"), END);
    if (effect.kind !== "complete") throw new Error(JSON.stringify(effect));
    const { tenantId, transmitted, assets } = effect.registration;
    expect(tenantId).toBe("t1");
    expect(transmitted.manifest).toMatchObject({ author: "tests", name: "debugged" });
    expect(Object.keys(transmitted.providers)).toEqual(["tool"]);
    expect([...assets].map(([name, bytes]) => [name, bytes.length])).toEqual([
      ["b.bin", 5],
      ["icon.svg", 41],
    ]);
    expect(Buffer.from(assets.get("b.bin") ?? []).toString()).toBe("abcde");
  });

  test("takes messages that nobody knows for nothing", () => {
    expect(declare({ type: "surprise", data: {} })).toEqual({ kind: "read_on" });
  });

  test("of a list only the first element counts", () => {
    const [first] = toolMessage().data;
    expect(declare(provider("tool", [first, 5]))).toEqual({ kind: "read_on" });
  });

  test.each<readonly [string, readonly Message[], string]>([
    ["a second handshake", [handshake("k")], "handshake already completed"],
    ["a second manifest", [manifestMessage(), manifestMessage()], "declaration already registered"],
    ["second tools", [toolMessage(), toolMessage()], "tools declaration already registered"],
    [
      "second models",
      [provider("model", []), provider("model", [])],
      "models declaration already registered",
    ],
    [
      "second endpoints",
      [provider("endpoint", []), provider("endpoint", [])],
      "endpoints declaration already registered",
    ],
    [
      "second strategies",
      [provider("agent_strategy", []), provider("agent_strategy", [])],
      "agent strategy declaration already registered",
    ],
    [
      "second datasources",
      [provider("datasource", []), provider("datasource", [])],
      "datasource declaration already registered",
    ],
    [
      "second triggers",
      [provider("trigger", []), provider("trigger", [])],
      "trigger declaration already registered",
    ],
    [
      "a manifest that lacks things",
      [manifestMessage({ version: "", icon: null })],
      "handshake failed, invalid plugin declaration: version: is missing; icon: is missing",
    ],
    [
      "a manifest of wrong types",
      [manifestMessage({ resource: { memory: "much" } })],
      "handshake failed, invalid plugin declaration: cannot unmarshal !!str `much` into int64",
    ],
    [
      "a time without its offset",
      [manifestMessage({ created_at: "2026-01-02" })],
      'handshake failed, invalid plugin declaration: parsing time "2026-01-02": cannot be read as RFC 3339, such as "2024-07-12T08:03:44Z"',
    ],
    [
      "tools that are no list",
      [provider("tool", {})],
      "tools register failed, invalid tools declaration: it is no list",
    ],
    [
      "tools without a name",
      [toolMessage({ identity: { author: "a", label: { en_US: "A" } } })],
      'tools register failed, invalid tools declaration: identity.name: must be of letters, digits, "_" and "-", not ""',
    ],
    [
      "models that are a number",
      [provider("model", [5])],
      "models register failed, invalid models declaration: cannot unmarshal !!int `5` into ModelProvider",
    ],
    [
      "endpoints without a path",
      [provider("endpoint", [{ settings: [], endpoints: [{ method: "GET" }] }])],
      "endpoints register failed, invalid endpoints declaration: endpoints[0].path: is missing",
    ],
    [
      "strategies that lack everything",
      [provider("agent_strategy", [{}])],
      'agent strategies register failed, invalid agent strategies declaration: identity.name: must be of letters, digits, "_" and "-", not ""; identity.author: is missing; identity.label.en_US: is missing',
    ],
    [
      "datasources without a type",
      [provider("datasource", [{ identity: { author: "a", name: "d", label: { en_US: "D" } } }])],
      "datasources register failed, invalid datasources declaration: provider_type: is missing",
    ],
    [
      "triggers that are a text",
      [provider("trigger", ["x"])],
      "triggers register failed, invalid triggers declaration: cannot unmarshal !!str `x` into TriggerProvider",
    ],
    [
      "a file without a name",
      [asset({ data: "YQ==" })],
      "transfer assets failed, error: filename is missing",
    ],
    [
      "a file without content",
      [asset({ filename: "a", data: "" })],
      "transfer assets failed, error: data is missing",
    ],
    [
      "what is no base64",
      [asset({ filename: "a", data: "***" })],
      "assets decode failed, error: illegal base64 data at input byte 0",
    ],
    [
      "base64 that is not padded",
      [asset({ filename: "a", data: "YWJ" })],
      "assets decode failed, error: illegal base64 data at input byte 3",
    ],
    ["an end at once", [END], "no registration transferred, cannot initialize"],
    [
      "an end with a manifest only",
      [manifestMessage(), END],
      "no registration transferred, cannot initialize",
    ],
    [
      "an end without a manifest",
      [toolMessage(), END],
      "register failed, invalid manifest detected: no manifest was transferred",
    ],
  ])("refuses %s", (_, messages, text) => {
    expect(declare(...messages)).toEqual({ kind: "refuse", text });
  });

  test("refuses more than 50 MiB of files, as the reference counts them", () => {
    const data = Buffer.alloc(12 * 1024 * 1024).toString("base64");
    const chunk = asset({ filename: "big", data });
    expect(declare(chunk, chunk, chunk)).toEqual({ kind: "read_on" });
    expect(declare(chunk, chunk, chunk, chunk)).toEqual({
      kind: "refuse",
      text: "assets too large, at most 50MB",
    });
  });

  test("refuses a line that is no message", () => {
    expect(run(...started, { kind: "malformed" })).toEqual({
      kind: "refuse",
      text: "handshake failed, invalid handshake message",
    });
  });
});
