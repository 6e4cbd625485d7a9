import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { NewPluginCategory } from "../../src/service/author/scaffold.ts";
import { TENANT, readCall } from "../support/daemon-api.ts";
import { type LocalDaemon, startTestDaemon } from "../support/daemon.ts";
import { author, temporaryFolder } from "./author-support.ts";
import { CACHE } from "./python-env-support.ts";

/** Preparing an environment with the real SDK, once; every plugin after the first shares it. */
const INSTALL_LIMIT_MS = 120_000;

let daemon: LocalDaemon;
const folder = temporaryFolder();

beforeAll(async () => {
  const dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  mkdirSync(CACHE, { recursive: true });
  symlinkSync(CACHE, join(dataDir, "cache"));
  // Where the package index is, and whom it is trusted by, is for the machine to say.
  const env = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  daemon = await startTestDaemon({ dataDir, env: Object.fromEntries(env) });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const hex = (text: string) => Buffer.from(text).toString("hex");
const BODY = '{"message":"hello there"}';
const WEBHOOK = hex(
  `POST /hook HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);

function modelCall(category: NewPluginCategory, model: string, fields: object) {
  return {
    provider: `my-${category}`,
    model_type: category,
    model: `my-${category}-${model}`,
    credentials: { api_key: "k" },
    ...fields,
  };
}

function triggerCall(fields: object) {
  const properties = { secret: "" };
  return {
    provider: "my-trigger",
    credentials: {},
    credential_type: "unauthorized",
    subscription: { expires_at: -1, endpoint: "https://example.com/t", parameters: {}, properties },
    raw_http_request: WEBHOOK,
    ...fields,
  };
}

/** For each category the calls of its plugin, and a text that the answer has. */
const CALLS: readonly (readonly [NewPluginCategory, readonly (readonly [string, object, string])[]])[] = [
  [
    "tool",
    [
      [
        "/tool/invoke",
        { provider: "my-tool", tool: "my-tool", credentials: {}, tool_parameters: { query: "tea" } },
        "You asked for: tea",
      ],
      ["/tool/validate_credentials", { provider: "my-tool", credentials: {} }, '"result":true'],
    ],
  ],
  [
    "llm",
    [
      [
        "/llm/invoke",
        modelCall("llm", "llm", {
          prompt_messages: [{ role: "user", content: "good morning" }],
          model_parameters: {},
          stream: true,
        }),
        "morning",
      ],
      [
        "/llm/num_tokens",
        modelCall("llm", "llm", { prompt_messages: [{ role: "user", content: "a b c" }] }),
        '"num_tokens":3',
      ],
      [
        "/model/validate_provider_credentials",
        { provider: "my-llm", credentials: { api_key: "k" } },
        '"result":true',
      ],
      [
        "/model/validate_provider_credentials",
        { provider: "my-llm", credentials: {} },
        "the API key is missing",
      ],
    ],
  ],
  [
    "text-embedding",
    [
      [
        "/text_embedding/invoke",
        modelCall("text-embedding", "embedding", { texts: ["a b", "c"], input_type: "document" }),
        '"total_tokens":3',
      ],
    ],
  ],
  [
    "rerank",
    [
      [
        "/rerank/invoke",
        modelCall("rerank", "rerank", { query: "red tea", docs: ["green tea", "red tea"], top_n: 1 }),
        '"text":"red tea"',
      ],
    ],
  ],
  [
    "tts",
    [
      [
        "/tts/invoke",
        modelCall("tts", "tts", { content_text: "hello", voice: "plain", tenant_id: TENANT }),
        `"result":"${hex("RIFF")}`,
      ],
      ["/tts/model/voices", modelCall("tts", "tts", { language: "en-US" }), '"name":"Plain"'],
    ],
  ],
  [
    "speech2text",
    [["/speech2text/invoke", modelCall("speech2text", "speech2text", { file: "00ff00" }), "Heard 3 bytes"]],
  ],
  [
    "moderation",
    [
      [
        "/moderation/invoke",
        modelCall("moderation", "moderation", { text: "it is forbidden" }),
        '"result":true',
      ],
    ],
  ],
  [
    "datasource",
    [
      [
        "/datasource/get_website_crawl",
        {
          provider: "my-datasource",
          datasource: "my-datasource",
          credentials: {},
          datasource_parameters: { url: "https://example.com" },
        },
        "The content of https://example.com",
      ],
      ["/datasource/validate_credentials", { provider: "my-datasource", credentials: {} }, '"result":true'],
    ],
  ],
  [
    "trigger",
    [
      ["/trigger/dispatch_event", triggerCall({}), '"events":["my-trigger_event"]'],
      [
        "/trigger/invoke_event",
        triggerCall({ event: "my-trigger_event", parameters: {}, payload: { message: "hello there" } }),
        "hello there",
      ],
    ],
  ],
  // These answer in author-sdk-runner.test.ts: they need a platform behind them, or no dispatch route calls them.
  ["agent-strategy", []],
  ["extension", []],
];

describe.each(CALLS)("the new plugin of the category %s", (category, calls) => {
  const name = `my-${category}`;

  test(
    "packs and installs",
    async () => {
      const made = await author(
        [
          "plugin",
          "init",
          "--quick",
          "--name",
          name,
          "--author",
          "me",
          "--category",
          category,
          "--description",
          'A "d" <&>',
        ],
        { cwd: folder.path },
      );
      expect(made).toMatchObject({ code: 0 });
      expect(await author(["plugin", "package", name], { cwd: folder.path })).toMatchObject({ code: 0 });
      const uploaded = await daemon.api.upload(readFileSync(join(folder.path, `${name}.difypkg`)));
      expect(uploaded.failure).toBeUndefined();
      const { unique_identifier } = uploaded.data as { unique_identifier: string };
      const task = await finished(await daemon.api.startInstall(unique_identifier));
      expect(task.plugins.map(({ status, message }) => [status, message])).toEqual([
        ["success", expect.any(String)],
      ]);
    },
    INSTALL_LIMIT_MS,
  );

  for (const [path, data, expected] of calls)
    test(`answers ${path} with ${expected}`, async () => {
      const answer = await readCall(
        await daemon.api.request(`/plugin/${TENANT}/dispatch${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", "x-plugin-id": `me/${name}` },
          body: JSON.stringify({ user_id: "u", data }),
        }),
      );
      expect(answer.text.replaceAll("\\", "")).toContain(expected);
    });
});

/** As `finished` of the API, for as long as an environment may take. */
async function finished(taskId: string) {
  const giveUp = performance.now() + INSTALL_LIMIT_MS;
  for (;;) {
    const task = await daemon.api.task(taskId);
    if (task.status === "success" || task.status === "failed") return task;
    if (performance.now() > giveUp) throw new Error(`Not installed in time: ${daemon.log()}`);
    await Bun.sleep(50);
  }
}
