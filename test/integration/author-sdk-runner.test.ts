import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { author, temporaryFolder } from "./author-support.ts";
import { createBench } from "./python-env-support.ts";

/*
 * The test runner of the published SDK (`dify_plugin.integration`) with this program as its command line: it looks for
 * the version, packs a folder, starts `plugin run` and talks to it.
 */

const PREPARE_LIMIT_MS = 120_000;
const MAIN = join(import.meta.dir, "../../src/main.ts");
const folder = temporaryFolder();
const temporary = join(folder.path, "tmp");
const cli = join(folder.path, "dify");
let python = "";

/** Runs one call of a plugin through the SDK's runner and prints each answer as a line of JSON. */
const SCRIPT = `
import importlib, json, sys
from dify_plugin.config.integration_config import IntegrationConfig
from dify_plugin.core.entities.plugin import request
from dify_plugin.integration.run import PluginRunner
from pydantic import BaseModel, ConfigDict

class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")

path, kind, action, payload, fields = sys.argv[1:]
actions = {a.value: a for e in vars(request).values() if isinstance(e, type) and e.__name__.endswith("Actions") for a in e}
with PluginRunner(config=IntegrationConfig(), plugin_package_path=path) as runner:
    try:
        for answer in runner.invoke(
            request.PluginInvokeType(kind), actions[action],
            payload=getattr(request, payload)(user_id="u", **json.loads(fields)), response_type=Anything,
        ):
            print(answer.model_dump_json(), flush=True)
    except ValueError as error:
        print(json.dumps({"failed": str(error)}), flush=True)
`;

beforeAll(async () => {
  mkdirSync(temporary);
  writeFileSync(cli, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  chmodSync(cli, 0o755);
  const text = (value: string) => new TextEncoder().encode(value);
  const plan = await createBench(join(folder.path, "sdk")).prepare("sdk-runner", [
    { path: "requirements.txt", bytes: text("dify_plugin>=0.10.0,<0.11.0\n") },
    { path: "main.py", bytes: text("") },
  ]);
  python = plan.argv[0];
}, PREPARE_LIMIT_MS);

afterAll(() => folder[Symbol.dispose]());

interface Call {
  readonly plugin: string;
  readonly kind: string;
  readonly action: string;
  readonly payload: string;
  readonly fields: object;
}

async function runWithSdk(call: Call): Promise<unknown[]> {
  const child = Bun.spawn(
    [
      python,
      "-c",
      SCRIPT,
      join(folder.path, call.plugin),
      call.kind,
      call.action,
      call.payload,
      JSON.stringify(call.fields),
    ],
    {
      cwd: folder.path,
      env: { ...process.env, DIFY_CLI_PATH: cli, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(err);
  return out
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

async function newPlugin(name: string, category: string): Promise<void> {
  const flags = ["--quick", "--name", name, "--author", "me", "--description", "d", "--category", category];
  expect(await author(["plugin", "init", ...flags], { cwd: folder.path })).toMatchObject({ code: 0 });
}

const label = { en_US: "x" };
const TOOL = {
  identity: { author: "a", name: "search", label, provider: "p" },
  description: { human: label, llm: "finds" },
  provider_type: "builtin",
  runtime_parameters: {},
  parameters: [
    {
      name: "q",
      label,
      human_description: label,
      type: "string",
      form: "llm",
      llm_description: "what",
      required: true,
    },
  ],
};

test(
  "a new agent strategy asks the made-up model and tool, through the SDK's runner, packed by it from its folder",
  async () => {
    await newPlugin("agent", "agent-strategy");
    const answers = await runWithSdk({
      plugin: "agent",
      kind: "agent_strategy",
      action: "invoke_agent_strategy",
      payload: "AgentInvokeRequest",
      fields: {
        agent_strategy_provider: "agent",
        agent_strategy: "agent",
        agent_strategy_params: {
          query: "hi",
          model: { provider: "p", model: "m", model_type: "llm", mode: "chat" },
          tools: [TOOL],
          maximum_iterations: 2,
        },
      },
    });
    const texts = answers.map((answer) => (answer as { message?: { text?: string } }).message?.text ?? "");
    // Two rounds: the tool is called in the first, and answers the second.
    expect(texts.join("")).toBe("hello world world ! !".repeat(2));
    // What ran for the test is gone with it.
    expect(readdirSync(temporary).filter((name) => name.startsWith("plugin-run-"))).toEqual([]);
  },
  PREPARE_LIMIT_MS,
);

test(
  "a new extension answers at its endpoint",
  async () => {
    await newPlugin("ext", "extension");
    const rawRequest = "GET /ext/Ann HTTP/1.1\r\nHost: example.com\r\n\r\n";
    const [answer] = await runWithSdk({
      plugin: "ext",
      kind: "endpoint",
      action: "invoke_endpoint",
      payload: "EndpointInvokeRequest",
      fields: {
        settings: { greeting: "Good day" },
        raw_http_request: Buffer.from(rawRequest).toString("hex"),
      },
    });
    expect(answer).toMatchObject({ status: 200 });
    const { result } = answer as { result: string };
    expect(Buffer.from(result, "hex").toString()).toBe("Good day, Ann");
  },
  PREPARE_LIMIT_MS,
);

test(
  "an error of the plugin reaches the test as the JSON text that the SDK expects",
  async () => {
    await newPlugin("mod", "moderation");
    const [answer] = await runWithSdk({
      plugin: "mod",
      kind: "model",
      action: "validate_provider_credentials",
      payload: "ModelValidateProviderCredentialsRequest",
      fields: { provider: "mod", credentials: {} },
    });
    expect((answer as { failed: string }).failed).toContain("CredentialsValidateFailedError");
  },
  PREPARE_LIMIT_MS,
);
