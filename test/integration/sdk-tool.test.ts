import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TENANT } from "../support/daemon-api.ts";
import { findSdkTools, type SdkDaemon, startSdkDaemon } from "../support/sdk-daemon.ts";

/* What a tool of the published SDK can say, byte by byte as it arrives at a client, and what reaches it. */

setDefaultTimeout(120_000);

interface Message {
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
  readonly meta: unknown;
}
interface Chunk {
  readonly id: string;
  readonly sequence: number;
  readonly total_length: number;
  readonly blob: string;
  readonly end: boolean;
}

const FILE = {
  dify_model_identity: "__dify__file__",
  url: "https://example.com/f.pdf",
  mime_type: "application/pdf",
  type: "document",
  filename: "f é.pdf",
  extension: ".pdf",
  size: 12,
};
const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

describe.skipIf(why !== "")(`a tool with the SDK${why}`, () => {
  let daemon: SdkDaemon;
  let pluginId: string;

  beforeAll(async () => {
    daemon = await startSdkDaemon();
    ({ pluginId } = await daemon.add("kitchen-tools"));
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  const invoke = (parameters: object, envelope: object = {}, credentials: object = { api_key: "good-1" }) =>
    daemon.ask(pluginId, {
      path: "/tool/invoke",
      data: { provider: "kitchen", tool: "say", tool_parameters: parameters, credentials },
      envelope,
    });
  async function say(what: string, more: object = {}): Promise<readonly Message[]> {
    const { items, failure, text } = await invoke({ what, ...more });
    if (failure) throw new Error(text);
    return items as Message[];
  }
  const bodies = async (what: string) => (await say(what)).map(({ type, message }) => [type, message]);

  test.each([
    ["text", [["text", { text: "part 0" }]]],
    ["empty-text", [["text", { text: "" }]]],
    ["nothing", []],
    ["link", [["link", { text: "https://example.com/?a=1&b=<2>" }]]],
    [
      "image",
      [
        ["image", { text: "https://example.com/a.png" }],
        ["image", { text: "https://example.com/b.png" }],
      ],
    ],
    [
      "json",
      [
        [
          "json",
          {
            json_object: {
              a: 1,
              nested: { list: [1, "two", null, true, { deep: [] }] },
              é: "😀\u2028",
              "": 0,
            },
          },
        ],
        ["json", { json_object: [1, 2, { three: 3 }] }],
        ["json", { json_object: {} }],
      ],
    ],
    [
      "stream-variable",
      ["Hel", "lo ", "😀"].map((variable_value) => [
        "variable",
        { variable_name: "answer", variable_value, stream: true },
      ]),
    ],
  ])("says %s", async (what, expected) => {
    expect(await bodies(what)).toEqual(expected);
  });

  test("says variables of any shape", async () => {
    const [any, number, nothing] = await say("variable");
    expect(any?.message).toEqual({
      variable_name: "answer",
      variable_value: { any: ["shape", 1, null] },
      stream: false,
    });
    expect(number?.message["variable_name"]).toBe("number");
    expect(nothing?.message).toEqual({ variable_name: "nothing", variable_value: null, stream: false });
  });

  test("keeps every character of a text, line separators and NUL among them", async () => {
    const [message] = await say("odd-text");
    expect(message?.message).toEqual({
      text: 'tab\tnl\ncr\r quote" back\\ é 漢 😀 \u2028\u2029 <b>&amp;</b> \x7f \x00 \x1b data: {} \n\n end',
    });
  });

  test("keeps the digits of every number", async () => {
    const { text } = await invoke({ what: "numbers" });
    for (const digits of [
      '"max_safe":9007199254740991',
      '"above":9007199254740993',
      '"int64":9223372036854775807',
      '"uint64":18446744073709551615',
      '"huge":1000000000000000000000000000000',
      '"neg":-9007199254740993',
      '"float":1.0',
      '"tenth":0.1',
      '"third":0.3333333333333333',
      '"small":5e-324',
      '"large":1.7976931348623157e+308',
      '"minus_zero":-0.0',
      '"exp":1e+21',
    ])
      expect(text).toContain(digits);
    expect((await invoke({ what: "variable" })).text).toContain('"variable_value":9007199254740993');
  });

  test.each([0, 1, 8192, 8193, 20_000, 1_000_000])(
    "sends a blob of %i bytes in chunks of 8192",
    async (size) => {
      const messages = await say("big-blob", { n: size === 0 ? -1 : size });
      const chunks = messages.map(({ message }) => message as unknown as Chunk);
      const bytes = Buffer.concat(chunks.map(({ blob }) => Buffer.from(blob, "base64")));
      expect(bytes.equals(Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251)))).toBe(
        true,
      );
      expect(messages.every(({ type }) => type === "blob_chunk")).toBe(true);
      expect(messages.at(-1)?.meta).toEqual({ mime_type: "application/octet-stream", filename: "big.bin" });
      expect(chunks.map(({ sequence }) => sequence)).toEqual(chunks.map((_, index) => index));
      expect(chunks.map(({ end }) => end)).toEqual(chunks.map((_, index) => index === chunks.length - 1));
      expect(chunks).toHaveLength(Math.ceil(size / 8192) + 1);
      expect(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.total_length}`)).size).toBe(1);
      expect(chunks[0]?.total_length).toBe(size);
    },
  );

  test("says logs, with what they belong to", async () => {
    const messages = await say("log");
    expect(messages.map(({ type, message }) => [type, message["label"], message["status"]])).toEqual([
      ["log", "outer", "start"],
      ["log", "inner", "start"],
      ["text", undefined, undefined],
      ["log", "inner", "error"],
      ["log", "outer", "success"],
      ["log", "single", "success"],
    ]);
    const [outer, inner, , failed, finished] = messages.map(({ message }) => message);
    expect([inner?.["parent_id"], failed?.["id"], finished?.["id"]]).toEqual([
      outer?.["id"],
      inner?.["id"],
      outer?.["id"],
    ]);
    expect(failed?.["error"]).toBe("went wrong");
    expect(outer?.["metadata"]).toEqual({ started_at: 1.5, provider: "p" });
  });

  test("says files and retrieved pieces", async () => {
    const files: readonly unknown[] = await say("file");
    expect(files[0]).toEqual({
      type: "file",
      message: null,
      meta: { file: { id: "f1", url: "https://example.com/f" } },
    });
    const [retrieved] = await say("resources");
    expect(retrieved).toMatchObject({
      type: "retriever_resources",
      message: {
        context: "the context",
        retriever_resources: [{ position: 1, score: 0.5, content: "text", doc_metadata: { k: 1 } }, {}],
      },
    });
  });

  test("goes on after a plain line on its standard output", async () => {
    expect(await bodies("print")).toEqual([["text", { text: "printed" }]]);
  });

  test("streams: what it says arrives before it has ended", async () => {
    const response = await daemon.stream(pluginId, {
      path: "/tool/invoke",
      data: {
        provider: "kitchen",
        tool: "say",
        tool_parameters: { what: "slow", n: 3 },
        credentials: { api_key: "good-1" },
      },
    });
    const arrivals: number[] = [];
    for await (const bytes of response.body ?? []) if (bytes.length > 0) arrivals.push(performance.now());
    expect(arrivals.length).toBeGreaterThanOrEqual(3);
    // The plugin waits 100 ms after each piece.
    expect((arrivals[2] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(150);
  });

  test("says 1,500 things, and 2 MB at once", async () => {
    expect(await say("text", { n: 1500 })).toHaveLength(1500);
    const [large] = await say("big-text", { n: 2_000_000 });
    expect(large?.message).toEqual({ text: "x".repeat(2_000_000) });
  });

  test("gets parameters, files, credentials and what the call belongs to", async () => {
    const { items } = await invoke(
      {
        what: "echo",
        é: "ü😀\u2028",
        nested: { a: [1, 2.5, null, true], b: {} },
        empty: "",
        file: FILE,
        files: [FILE],
      },
      {
        conversation_id: "c-1",
        message_id: "m-1",
        app_id: "a-1",
        endpoint_id: "e-1",
        context: { credentials: { tool_credentials: { p: "cred-1" } } },
      },
    );
    const [{ message }] = items as [Message];
    const file = expect.objectContaining({
      url: FILE.url,
      mime_type: FILE.mime_type,
      filename: FILE.filename,
      size: 12,
      type: "document",
    });
    expect(message["json_object"]).toEqual({
      parameters: {
        what: "echo",
        é: "ü😀\u2028",
        nested: { a: [1, 2.5, null, true], b: {} },
        empty: "",
        file,
        files: [file],
      },
      credentials: { api_key: "good-1" },
      credential_type: "api-key",
      user_id: "u1",
      conversation_id: "c-1",
      message_id: "m-1",
      app_id: "a-1",
      endpoint_id: "e-1",
      context: { credentials: { tool_credentials: { p: "cred-1" } } },
    });
  });

  test("gets numbers digit by digit", async () => {
    const response = await daemon.api.request(`/plugin/${TENANT}/dispatch/tool/invoke`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-plugin-id": pluginId },
      body: '{"user_id":"u","data":{"provider":"kitchen","tool":"say","credentials":{},"tool_parameters":{"what":"echo","big":9007199254740993,"float":1.0,"tiny":5e-324}}}',
    });
    const text = await response.text();
    expect(text).toContain('"big":9007199254740993');
    expect(text).toContain('"float":1.0');
    expect(text).toContain('"tiny":5e-324');
  });

  test("is told of OAuth credentials", async () => {
    const { items } = await daemon.ask(pluginId, {
      path: "/tool/invoke",
      data: {
        provider: "kitchen",
        tool: "say",
        tool_parameters: { what: "echo" },
        credentials: { access_token: "t" },
        credential_type: "oauth2",
      },
    });
    expect(items).toMatchObject([{ message: { json_object: { credential_type: "oauth2" } } }]);
  });

  test.each([
    [
      "/tool/validate_credentials",
      { provider: "kitchen", credentials: { api_key: "bad" } },
      "ToolProviderCredentialValidationError",
    ],
    ["/tool/validate_credentials", { provider: "none", credentials: {} }, "ValueError"],
    [
      "/tool/invoke",
      { provider: "kitchen", tool: "none", tool_parameters: {}, credentials: {} },
      "ValueError",
    ],
    ["/tool/invoke", { provider: "none", tool: "say", tool_parameters: {}, credentials: {} }, "ValueError"],
    [
      "/oauth/get_authorization_url",
      { provider: "kitchen", redirect_uri: "u", system_credentials: {} },
      "ToolProviderOAuthError",
    ],
    [
      "/oauth/get_authorization_url",
      { provider: "none", redirect_uri: "u", system_credentials: {} },
      "ValueError",
    ],
    [
      "/dynamic_select/fetch_parameter_options",
      {
        provider: "kitchen",
        provider_action: "say",
        parameter: "what",
        credentials: {},
        credential_type: "api-key",
      },
      "NotImplementedError",
    ],
  ])("refuses at %s what it does not take: %j", async (path, data, type) => {
    const { items, failure } = await daemon.ask(pluginId, { path, data });
    expect(items).toEqual([]);
    expect(failure?.error_type).toBe(type);
  });

  test("runs 20 calls at the same time, each with its own answer", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => say("text", { n: n + 1 })));
    expect(answers.map((messages) => messages.length)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });
});
