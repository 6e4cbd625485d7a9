import { describe, expect, test } from "bun:test";
import { parseExact } from "../../../../src/lib/exact-json.ts";
import { ACTIONS } from "../../../../src/protocol/actions/catalogue.ts";
import { DaemonError } from "../../../../src/protocol/daemon-error.ts";

function prepare(path: string, body: unknown) {
  return prepareText(path, JSON.stringify(body));
}

function prepareText(path: string, text: string) {
  const row = ACTIONS.find((candidate) => candidate.path === path);
  if (!row) throw new Error(`no row for ${path}`);
  return row.prepare(parseExact(text));
}

function refusal(path: string, body: unknown): string[] {
  try {
    prepare(path, body);
  } catch (error) {
    if (error instanceof DaemonError && error.code === "bad_request") return error.message.split("\n");
    throw error;
  }
  return [];
}

const required = (key: string) =>
  `Key: '${key}' Error:Field validation for '${key.split(".").at(-1)}' failed on the 'required' tag`;
const TOOL = { provider: "p", tool: "t" };
const LLM = { provider: "p", model: "m", model_type: "llm" };

describe("prepare() on the envelope", () => {
  test("takes user, ids and context into the session", () => {
    const body = {
      user_id: "u",
      conversation_id: "c",
      message_id: "",
      app_id: null,
      context: { a: [1] },
      data: TOOL,
    };
    expect(prepare("/tool/invoke", body)).toMatchObject({
      userId: "u",
      session: { conversationId: "c", messageId: "", appId: null, endpointId: null, context: { a: [1] } },
    });
  });

  test("tells the body's tenant only where it names one", () => {
    expect(prepare("/tool/invoke", { tenant_id: "t-1", data: TOOL }).tenantIdFromBody).toBe("t-1");
    for (const tenant of [{}, { tenant_id: "" }, { tenant_id: null }])
      expect(prepare("/tool/invoke", { ...tenant, data: TOOL })).not.toHaveProperty("tenantIdFromBody");
  });

  test("refuses a body that is no object", () => {
    for (const [body, kind] of [
      [[], "a list"],
      [null, "null"],
      ["x", "a string"],
      [1, "a number"],
    ] as const)
      expect(refusal("/tool/invoke", body)).toEqual([
        `Cannot read the request: the body is ${kind}, not an object`,
      ]);
  });

  test("names every missing field when data is missing or null", () => {
    const missing = [required("data.provider"), required("data.tool")];
    for (const body of [{}, { data: null }, { data: {} }, { data: { provider: "", tool: null } }])
      expect(refusal("/tool/invoke", body)).toEqual(missing);
  });

  test("refuses fields of a wrong type by name", () => {
    expect(refusal("/tool/invoke", { user_id: 5, context: [], data: { ...TOOL, credentials: "x" } })).toEqual(
      [
        "Key: 'user_id' Error:Field validation for 'user_id' failed on the 'string' tag",
        "Key: 'context' Error:Field validation for 'context' failed on the 'object' tag",
        "Key: 'data.credentials' Error:Field validation for 'credentials' failed on the 'object' tag",
      ],
    );
    expect(refusal("/tool/invoke", { data: [] })).toEqual([
      "Key: 'data' Error:Field validation for 'data' failed on the 'object' tag",
    ]);
  });
});

describe("prepare() on data", () => {
  test("forwards unknown keys at every level, and keeps its own three", () => {
    const data = { ...TOOL, surprise: { a: 1 }, type: "x", action: "y", user_id: "z" };
    expect(prepare("/tool/invoke", { user_id: "u", data }).data).toEqual({
      user_id: "u",
      type: "tool",
      action: "invoke_tool",
      ...TOOL,
      tool_parameters: null,
      credentials: null,
      surprise: { a: 1 },
    });
    const multimodal = {
      ...LLM,
      model_type: "x",
      documents: [{ content: "c", content_type: "text", file_id: "f" }],
    };
    expect(
      prepare("/multimodal_embedding/invoke", { data: { ...multimodal, input_type: "query" } }).data,
    ).toMatchObject({
      documents: [{ content: "c", content_type: "text", file_id: "f" }],
    });
  });

  test("keeps every digit, also in fields that it fills around", () => {
    const numbers = '{"big":9007199254740993,"one":1.0,"zero":-0}';
    const text = `{"context":${numbers},"data":{"provider":"p","model":"m","model_type":"llm","top_p":1.0,"prompt_messages":[{"role":"user","content":[{"type":"text","opaque_body":${numbers}}],"opaque_body":${numbers}}]}}`;
    const { data, session } = prepareText("/llm/invoke", text);
    expect(JSON.stringify(session.context)).toBe(numbers);
    expect(JSON.stringify(data).split(numbers)).toHaveLength(3);
    expect(JSON.stringify(data)).toContain('"top_p":1.0');
  });

  test("takes tool parameters that are no object for none, as the reference does", () => {
    const big = "12345678901234567890";
    for (const other of ["[1]", '"x"', "true", "1.0", big]) {
      const text = `{"data":{"provider":"p","tool":"t","tool_parameters":${other},"n":${big}}}`;
      const { data } = prepareText("/tool/invoke", text);
      expect(data).toMatchObject({ tool_parameters: null });
      expect(JSON.stringify(data)).toContain(`"n":${big}`);
    }
  });

  test("leaves out an empty credential_type and tool_choice", () => {
    for (const empty of ["", null])
      expect(prepare("/tool/invoke", { data: { ...TOOL, credential_type: empty } }).data).not.toHaveProperty(
        "credential_type",
      );
    expect(prepare("/llm/invoke", { data: { ...LLM, tool_choice: null } }).data).not.toHaveProperty(
      "tool_choice",
    );
  });

  test("turns null into the zero value of a number, a flag and a text", () => {
    const rerank = { ...LLM, model_type: "rerank", query: "q", docs: [], score_threshold: null, top_n: null };
    expect(prepare("/rerank/invoke", { data: rerank }).data).toMatchObject({ score_threshold: 0, top_n: 0 });
    expect(prepare("/llm/invoke", { data: { ...LLM, stream: null } }).data).toMatchObject({ stream: false });
    const voices = { ...LLM, model_type: "tts", language: null };
    expect(prepare("/tts/model/voices", { data: voices }).data).toMatchObject({ language: "" });
  });

  test("matches keys in any case", () => {
    expect(prepare("/tool/invoke", { USER_ID: "u", Data: { Provider: "p", TOOL: "t" } }).data).toEqual({
      user_id: "u",
      type: "tool",
      action: "invoke_tool",
      ...TOOL,
      tool_parameters: null,
      credentials: null,
    });
  });

  test("tells what a field of a closed set may be", () => {
    expect(refusal("/llm/invoke", { data: { ...LLM, model_type: "tts" } })).toEqual([
      "Key: 'data.model_type' Error:Field validation for 'model_type' failed on the 'eq=llm' tag",
    ]);
    const document = { ...LLM, documents: [{ content: "c", content_type: "smell" }], input_type: "query" };
    expect(refusal("/multimodal_embedding/invoke", { data: document })).toEqual([
      "Key: 'data.documents[0].content_type' Error:Field validation for 'content_type' failed on the 'oneof=text image' tag",
    ]);
    const browse = { ...TOOL, datasource: "d", request: { max_keys: -1 } };
    expect(refusal("/datasource/online_drive_browse_files", { data: browse })).toEqual([
      "Key: 'data.request.max_keys' Error:Field validation for 'max_keys' failed on the 'min=1' tag",
    ]);
    expect(refusal("/model/polling/check", { data: { ...LLM, plugin_state: {} } })).toEqual([
      "Key: 'data.plugin_state' Error:Field validation for 'plugin_state' failed on the 'min=1' tag",
    ]);
  });

  test("lists no more than ten failures", () => {
    const messages = Array.from({ length: 50 }, () => ({ role: "" }));
    expect(refusal("/llm/invoke", { data: { ...LLM, prompt_messages: messages } })).toHaveLength(10);
  });
});

describe("prepare() on prompt messages", () => {
  const messagesOf = (messages: unknown[]) =>
    prepare("/llm/invoke", { data: { ...LLM, prompt_messages: messages } }).data["prompt_messages"];

  test("gives every message all keys, and an assistant a list of calls", () => {
    expect(
      messagesOf([
        { role: "user", content: "a", name: null },
        { role: "assistant", content: "b", tool_calls: null },
        {
          role: "developer",
          content: "c",
          tool_calls: [{ id: "1", function: { name: "f" } }],
          opaque_body: null,
        },
      ]),
    ).toEqual([
      { role: "user", content: "a", name: "", tool_calls: null, tool_call_id: "" },
      { role: "assistant", content: "b", name: "", tool_calls: [], tool_call_id: "" },
      {
        role: "developer",
        content: "c",
        name: "",
        tool_calls: [{ id: "1", type: "", function: { name: "f", arguments: "" } }],
        tool_call_id: "",
        opaque_body: null,
      },
    ]);
  });

  test("gives every part all keys, but an image no empty detail", () => {
    const rest = {
      base64_data: "",
      url: "",
      data: "",
      encode_format: "",
      format: "",
      mime_type: "",
      filename: "",
    };
    expect(
      messagesOf([
        {
          role: "user",
          content: [{ type: "text" }, { type: "image", detail: null }, { type: "image", detail: "high" }],
        },
      ]),
    ).toMatchObject([
      {
        content: [
          { ...rest, type: "text", detail: "" },
          { ...rest, type: "image" },
          { ...rest, type: "image", detail: "high" },
        ],
      },
    ]);
    expect(JSON.stringify(messagesOf([{ role: "user", content: [{ type: "image" }] }]))).not.toContain(
      "detail",
    );
  });

  test("refuses a message without role or content", () => {
    const failures = (message: unknown) =>
      refusal("/llm/invoke", { data: { ...LLM, prompt_messages: [message] } }).map(
        (line) => line.split("'")[1],
      );
    expect(failures({ content: "x" })).toEqual(["data.prompt_messages[0].role"]);
    expect(failures({ role: "user", content: null })).toEqual(["data.prompt_messages[0].content"]);
    expect(failures({ role: "user", content: 5 })).toEqual(["data.prompt_messages[0].content"]);
    expect(failures({ role: "user", content: [{ type: "text", data: 5 }] })).toEqual([
      "data.prompt_messages[0].content[0].data",
    ]);
  });

  test("checks roles and kinds of parts for num_tokens only", () => {
    const robot = { data: { ...LLM, prompt_messages: [{ role: "robot", content: [{ type: "smell" }] }] } };
    expect(refusal("/llm/invoke", robot)).toEqual([]);
    expect(refusal("/llm/num_tokens", robot).map((line) => line.split("'")[1])).toEqual([
      "data.prompt_messages[0].role",
      "data.prompt_messages[0].content[0].type",
    ]);
  });
});

describe("prepare() on tool_choice", () => {
  const choose = (choice: unknown) =>
    refusal("/llm/invoke", { data: { ...LLM, tool_choice: choice } }).map((line) => line.split("'")[1]);

  test("wants a mode, and a name for the mode tool", () => {
    expect(choose({ mode: "auto" })).toEqual([]);
    expect(choose({ mode: "tool", name: "f" })).toEqual([]);
    expect(choose({})).toEqual(["data.tool_choice.mode"]);
    expect(choose({ mode: "nonsense" })).toEqual(["data.tool_choice.mode"]);
    for (const name of [{}, { name: "" }, { name: " " }, { name: null }])
      expect(choose({ mode: "tool", ...name })).toEqual(["data.tool_choice.name"]);
  });
});
