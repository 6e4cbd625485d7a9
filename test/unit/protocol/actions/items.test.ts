import { describe, expect, test } from "bun:test";
import { ACTIONS } from "../../../../src/protocol/actions/catalogue.ts";
import { ItemError } from "../../../../src/protocol/invocation.ts";

function decode(path: string, raw: string): string | undefined {
  const row = ACTIONS.find((candidate) => candidate.path === path);
  if (!row) throw new Error(`no row for ${path}`);
  return row.createItemDecoder()(JSON.parse(raw), raw);
}

function decoded(path: string, item: unknown): unknown {
  return JSON.parse(decode(path, JSON.stringify(item)) ?? "null");
}

function failure(path: string, item: unknown): string {
  try {
    decode(path, JSON.stringify(item));
  } catch (error) {
    if (!(error instanceof ItemError)) throw error;
    expect(error.error).toEqual({ error_type: "unmarshal_error", message: error.message });
    return error.message;
  }
  return "";
}

function messageOf(content: unknown): object {
  return { model: "m", delta: { index: 0, message: { role: "assistant", content } } };
}

describe("tool messages", () => {
  test("pass as the plugin's own text where all three keys stand", () => {
    const raw =
      '{"type": "json", "message": {"json_object": {"n": 1.0, "big": 9007199254740993}}, "meta": null, "more": 1}';
    for (const path of ["/tool/invoke", "/datasource/online_drive_download_file", "/agent_strategy/invoke"])
      expect(decode(path, raw)).toBe(raw);
  });

  test("get what they lack and lose no digit by it", () => {
    expect(decode("/tool/invoke", '{"type":"text","message":{"text":"a","n":1.0}}')).toBe(
      '{"type":"text","message":{"text":"a","n":1.0},"meta":null}',
    );
    expect(decoded("/tool/invoke", { type: "file", meta: { file: 1 } })).toEqual({
      type: "file",
      message: null,
      meta: { file: 1 },
    });
  });

  test("fail with a type that is none, and with maps that are none", () => {
    expect(failure("/tool/invoke", { type: "smell", message: {} })).toStartWith(
      "unmarshal json failed: Key: 'type' Error:Field validation for 'type' failed on the 'oneof=text json",
    );
    expect(failure("/tool/invoke", { message: {} })).toContain("'required'");
    expect(failure("/tool/invoke", { type: "text", message: "x" })).toContain("Key: 'message'");
    expect(failure("/tool/invoke", { type: "text", message: {}, meta: [] })).toContain("Key: 'meta'");
    expect(failure("/tool/invoke", [1])).toBe("unmarshal json failed: the item is a list, not an object");
    expect(failure("/tool/invoke", null)).toBe("unmarshal json failed: the item is null, not an object");
  });

  test("keep chunks of blobs as they are", () => {
    const raw =
      '{"type":"blob_chunk","message":{"id":"a","sequence":0,"total_length":1,"blob":"AA==","end":false},"meta":{}}';
    expect(decode("/tool/invoke", raw)).toBe(raw);
  });

  test("stay one line for every reader", () => {
    const filler = "x".repeat(1000);
    for (const more of ["", filler]) {
      const raw = `{"type":"text",\r"message":{"text":"a\u2028b\u2029c\u0085${more}"},"meta":null}`;
      const text = decode("/tool/invoke", raw) ?? "";
      expect(text).toBe(`{"type":"text", "message":{"text":"a\\u2028b\\u2029c\\u0085${more}"},"meta":null}`);
      expect(JSON.parse(text)).toEqual(JSON.parse(raw));
    }
  });
});

describe("results of one flag", () => {
  const paths = [
    "/tool/validate_credentials",
    "/moderation/invoke",
    "/datasource/validate_credentials",
    "/trigger/validate_credentials",
  ];
  for (const path of paths)
    test(`${path} is false where the plugin does not say, and fails on anything else`, () => {
      expect(decode(path, '{"result":true}')).toBe('{"result":true}');
      expect(decoded(path, {})).toEqual({ result: false });
      expect(decoded(path, { result: null })).toEqual({ result: false });
      expect(failure(path, { result: "yes" })).toContain("Key: 'result'");
    });

  test("credentials stand beside it", () => {
    for (const path of ["/model/validate_provider_credentials", "/model/validate_model_credentials"]) {
      expect(decoded(path, { result: true })).toEqual({ result: true, credentials: null });
      expect(decode(path, '{"result":true,"credentials":{"n":1.0}}')).toBe(
        '{"result":true,"credentials":{"n":1.0}}',
      );
    }
  });
});

describe("LLM chunks", () => {
  test("get every key that clients want", () => {
    const raw =
      '{"model":"m","prompt_messages":[],"system_fingerprint":null,"delta":{"index":0,"message":{"role":"assistant","content":"he","name":null,"tool_calls":[],"opaque_body":null},"usage":null,"finish_reason":null}}';
    expect(JSON.parse(decode("/llm/invoke", raw) ?? "")).toEqual({
      model: "m",
      prompt_messages: [],
      system_fingerprint: "",
      delta: {
        index: 0,
        message: {
          role: "assistant",
          content: "he",
          name: "",
          tool_calls: [],
          tool_call_id: "",
          opaque_body: null,
        },
        usage: null,
        finish_reason: null,
      },
    });
  });

  test("get them also from the least that a plugin may send", () => {
    expect(decoded("/llm/invoke", messageOf(null))).toEqual({
      model: "m",
      prompt_messages: [],
      system_fingerprint: "",
      delta: {
        index: 0,
        message: { role: "assistant", content: "", name: "", tool_calls: [], tool_call_id: "" },
        usage: null,
        finish_reason: null,
      },
    });
  });

  test("lose the prompt that old SDKs repeat", () => {
    for (const prompt of [[{ role: "user", content: "long" }], null, "x"])
      expect(decoded("/llm/invoke", { ...messageOf("a"), prompt_messages: prompt })).toMatchObject({
        prompt_messages: [],
      });
  });

  test("keep replay state and unknown keys to the digit", () => {
    const raw =
      '{"model":"m","delta":{"index":0,"message":{"role":"assistant","content":"","opaque_body":{"n":9007199254740993,"f":1.0}},"usage":null},"more":1E5}';
    const text = decode("/llm/invoke", raw) ?? "";
    expect(text).toContain('"opaque_body":{"n":9007199254740993,"f":1.0}');
    expect(text).toContain('"more":1E5');
  });

  test("tell prices as plain decimals, also those sent as numbers", () => {
    const usage = {
      prompt_tokens: 3,
      prompt_unit_price: "0.010",
      prompt_price_unit: 0.001,
      prompt_price: "0.0000300",
      completion_tokens: 4,
      completion_unit_price: "10.00",
      completion_price_unit: 1e-6,
      completion_price: "0E-7",
      total_tokens: 7,
      total_price: "0.00004",
      currency: "USD",
      latency: 0.5,
    };
    const item = { model: "m", delta: { index: 1, message: { role: "assistant", content: "" }, usage } };
    expect(decoded("/llm/invoke", item)).toMatchObject({
      delta: {
        usage: {
          ...usage,
          prompt_unit_price: "0.01",
          prompt_price_unit: "0.001",
          prompt_price: "0.00003",
          completion_unit_price: "10",
          completion_price_unit: "0.000001",
          completion_price: "0",
        },
      },
    });
    for (const key of Object.keys(usage)) {
      const broken = { ...item, delta: { ...item.delta, usage: { ...usage, [key]: null } } };
      expect(failure("/llm/invoke", broken)).toContain(`Key: 'delta.usage.${key}'`);
    }
    const broken = { ...item, delta: { ...item.delta, usage: { ...usage, total_price: "much" } } };
    expect(failure("/llm/invoke", broken)).toContain("failed on the 'decimal' tag");
  });

  test("fill tool calls and parts", () => {
    const item = {
      model: "m",
      delta: {
        index: 0,
        message: {
          role: "assistant",
          content: [
            { type: "text", data: "a", opaque_body: null },
            { type: "image", url: "u" },
          ],
          tool_calls: [{ id: null, type: "function", function: { name: "f" } }],
        },
      },
    };
    expect(decoded("/llm/invoke", item)).toMatchObject({
      delta: {
        message: {
          content: [
            { type: "text", data: "a", base64_data: "", url: "", detail: "", opaque_body: null },
            { type: "image", data: "", base64_data: "", url: "u" },
          ],
          tool_calls: [{ id: "", type: "function", function: { name: "f", arguments: "" } }],
        },
      },
    });
  });

  test("fail where the contract wants a value", () => {
    expect(failure("/llm/invoke", { ...messageOf("a"), model: "" })).toContain("Key: 'model'");
    expect(failure("/llm/invoke", { model: "m" })).toContain("Key: 'delta'");
    expect(failure("/llm/invoke", { model: "m", delta: { message: { role: "assistant" } } })).toContain(
      "Key: 'delta.index'",
    );
    expect(failure("/llm/invoke", { model: "m", delta: { index: 0 } })).toContain("Key: 'delta.message'");
    expect(failure("/llm/invoke", { model: "m", delta: { index: 0, message: { role: "robot" } } })).toContain(
      "Key: 'delta.message.role'",
    );
    expect(failure("/llm/invoke", messageOf([{ type: "smell" }]))).toContain(
      "Key: 'delta.message.content[0].type'",
    );
    expect(failure("/llm/invoke", messageOf(5))).toContain("Key: 'delta.message.content'");
  });
});

describe("polling results", () => {
  const path = "/model/polling/start";

  test("leave out what is null or empty, but pass the result to the letter", () => {
    const raw =
      '{"status":"running","plugin_state":{"task":"1","n":9007199254740993},"result":null,"error":null,"next_check_after_seconds":5,"expires_after_seconds":null,"max_attempts":0}';
    expect(decode(path, raw)).toBe(
      '{"status":"running","plugin_state":{"task":"1","n":9007199254740993},"result":null,"next_check_after_seconds":5,"max_attempts":0}',
    );
    expect(decode(path, '{"status":"succeeded","plugin_state":{},"result":{"price":"2.50","n": 1.0}}')).toBe(
      '{"status":"succeeded","result":{"price":"2.50","n": 1.0}}',
    );
    expect(decode(path, '{"status":"failed","error":"no"}')).toBe('{"status":"failed","error":"no"}');
  });

  test("need what their status promises", () => {
    for (const state of [{}, { plugin_state: null }, { plugin_state: {} }])
      expect(failure(path, { status: "running", ...state })).toContain("plugin_state");
    for (const result of [{}, { result: null }])
      expect(failure(path, { status: "succeeded", ...result })).toContain("needs a result");
    for (const error of [{}, { error: "" }, { error: "  " }, { error: null }])
      expect(failure(path, { status: "failed", ...error })).toContain("needs an error");
    expect(failure(path, { status: "odd" })).toContain("oneof=running succeeded failed");
    expect(failure(path, { status: "running", plugin_state: { a: 1 }, max_attempts: "x" })).toContain(
      "max_attempts",
    );
  });
});

describe("other results of models", () => {
  test("embeddings are copied and their prices normalised", () => {
    const vectors = `[${Array.from({ length: 300 }, (_, index) => `[${index}.0,-0.0,1e-05]`).join(",")}]`;
    const raw = `{"model":"e","embeddings":${vectors},"usage":{"tokens":2,"total_tokens":2,"unit_price":"0.10","price_unit":"0.001","total_price":"0","currency":"USD","latency":1.0}}`;
    expect(decode("/text_embedding/invoke", raw)).toBe(raw.replace('"0.10"', '"0.1"'));
  });

  test("embeddings fail without usage and with anything but numbers", () => {
    const usage = {
      tokens: 1,
      total_tokens: 1,
      unit_price: "1",
      price_unit: "1",
      total_price: "1",
      currency: "",
      latency: 0,
    };
    expect(failure("/text_embedding/invoke", { model: "e", embeddings: [], usage })).toBe("");
    expect(failure("/text_embedding/invoke", { model: "e", embeddings: [] })).toContain("Key: 'usage'");
    expect(failure("/text_embedding/invoke", { model: "e", usage })).toContain("Key: 'embeddings'");
    expect(failure("/multimodal_embedding/invoke", { model: "e", embeddings: [[null]], usage })).toContain(
      "Key: 'embeddings[0][0]'",
    );
  });

  test("numbers of tokens are a number for prompts and a list for texts", () => {
    expect(decode("/llm/num_tokens", '{"num_tokens":7}')).toBe('{"num_tokens":7}');
    expect(decoded("/llm/num_tokens", {})).toEqual({ num_tokens: 0 });
    expect(failure("/llm/num_tokens", { num_tokens: [7] })).toContain("num_tokens");
    expect(decode("/text_embedding/num_tokens", '{"num_tokens":[1,2]}')).toBe('{"num_tokens":[1,2]}');
    expect(failure("/text_embedding/num_tokens", { num_tokens: 7 })).toContain("num_tokens");
    expect(failure("/text_embedding/num_tokens", {})).toContain("'required'");
  });

  test("every ranked document has index, text and score", () => {
    const doc = { index: 0, text: "", score: 0 };
    expect(decode("/rerank/invoke", JSON.stringify({ model: "r", docs: [doc] }))).toBeDefined();
    for (const key of Object.keys(doc))
      expect(
        failure("/multimodal_rerank/invoke", { model: "r", docs: [doc, { ...doc, [key]: null }] }),
      ).toContain(`Key: 'docs[1].${key}'`);
    expect(failure("/rerank/invoke", { model: "r" })).toContain("Key: 'docs'");
  });

  test("speech has a media type only where the plugin knows it", () => {
    expect(decode("/tts/invoke", '{"result":"6162","mime_type":"audio/mpeg"}')).toBe(
      '{"result":"6162","mime_type":"audio/mpeg"}',
    );
    for (const mime of [{}, { mime_type: null }, { mime_type: "" }])
      expect(decoded("/tts/invoke", { result: "61", ...mime })).toEqual({ result: "61" });
    expect(decoded("/speech2text/invoke", { result: null })).toEqual({ result: "" });
  });

  test("voices have to stand, each with name and value", () => {
    expect(failure("/tts/model/voices", { voices: null })).toContain("unmarshal json failed: Key: 'voices'");
    expect(failure("/tts/model/voices", { voices: [{ name: "A" }] })).toContain("Key: 'voices[0].value'");
    expect(decoded("/tts/model/voices", { voices: [] })).toEqual({ voices: [] });
  });
});

describe("results of the other kinds", () => {
  test("OAuth: empty metadata and an absent expiry stay away", () => {
    expect(decoded("/oauth/get_authorization_url", {})).toEqual({ authorization_url: "" });
    expect(decode("/oauth/get_credentials", '{"metadata":{},"credentials":{"a":1.0},"expires_at":-1}')).toBe(
      '{"credentials":{"a":1.0},"expires_at":-1}',
    );
    expect(
      decoded("/oauth/get_credentials", { metadata: { name: "n" }, credentials: {}, expires_at: null }),
    ).toEqual({
      metadata: { name: "n" },
      credentials: {},
    });
    expect(decoded("/oauth/refresh_credentials", {})).toEqual({ credentials: null });
    expect(failure("/oauth/refresh_credentials", { credentials: {}, expires_at: "soon" })).toContain(
      "expires_at",
    );
  });

  test("dynamic options: an icon always stands, value and English label have to", () => {
    const path = "/dynamic_select/fetch_parameter_options";
    const label = { en_US: "one", zh_Hans: "一" };
    expect(decoded(path, { options: [{ value: "1", label, icon: null }] })).toEqual({
      options: [{ value: "1", label, icon: "" }],
    });
    expect(failure(path, { options: [{ value: "", label }] })).toContain("Key: 'options[0].value'");
    expect(failure(path, { options: [{ value: "1", label: { zh_Hans: "一" } }] })).toContain("label.en_US");
    expect(failure(path, { options: null })).toContain("Key: 'options'");
  });

  test("runtime parameters are passed on", () => {
    const path = "/tool/get_runtime_parameters";
    expect(decode(path, '{"parameters":[{"name":"a","odd":1.0}]}')).toBe(
      '{"parameters":[{"name":"a","odd":1.0}]}',
    );
    expect(decoded(path, {})).toEqual({ parameters: null });
    expect(failure(path, { parameters: ["a"] })).toContain("parameters[0]");
  });

  test("datasources: a crawl is an object, pages are a list, buckets are complete", () => {
    expect(decode("/datasource/get_website_crawl", '{"result":{"total":1.0}}')).toBe(
      '{"result":{"total":1.0}}',
    );
    expect(failure("/datasource/get_website_crawl", { result: [] })).toContain("Key: 'result'");
    expect(decoded("/datasource/get_online_document_pages", {})).toEqual({ result: [] });
    const browse = "/datasource/online_drive_browse_files";
    expect(decoded(browse, { result: [{ files: [{ id: "1", name: "a" }] }, {}] })).toEqual({
      result: [
        {
          bucket: null,
          files: [{ id: "1", name: "a", size: 0, type: "" }],
          is_truncated: false,
          next_page_parameters: null,
        },
        { bucket: null, files: [], is_truncated: false, next_page_parameters: null },
      ],
    });
    expect(failure(browse, { result: null })).toContain("Key: 'result'");
    expect(failure(browse, { result: [{ files: [{ size: 1.5 }] }] })).toContain(
      "Key: 'result[0].files[0].size'",
    );
  });

  test("triggers: what clients read as list or object is one", () => {
    expect(decoded("/trigger/invoke_event", { variables: null })).toEqual({
      variables: {},
      cancelled: false,
    });
    expect(decoded("/trigger/dispatch_event", { events: null, payload: {}, response: "00" })).toEqual({
      user_id: "",
      events: [],
      response: "00",
    });
    expect(
      decode("/trigger/dispatch_event", '{"user_id":"u","events":["e"],"payload":{"n":1.0},"response":"00"}'),
    ).toBe('{"user_id":"u","events":["e"],"payload":{"n":1.0},"response":"00"}');
    for (const path of ["/trigger/subscribe", "/trigger/unsubscribe", "/trigger/refresh"])
      expect(decode(path, '{"subscription":{"expires_at":-1,"n":9007199254740993}}')).toBe(
        '{"subscription":{"expires_at":-1,"n":9007199254740993}}',
      );
  });
});
