/**
 * What is odd about published packages (contract/plugin-package 9), each oddity in a package of its own: all of them
 * upload, whatever the strict rules would say, and their declarations tell what the reference tells.
 */
import { describe, expect, test } from "bun:test";
import { readPackage } from "../../../src/package/read-package.ts";
import { remapAssets } from "../../../src/package/remap-assets.ts";
import { validateUpload } from "../../../src/package/validate-upload.ts";
import { packZip, textEntries, TINY } from "../../support/pack.ts";

type Texts = Readonly<Record<string, string>>;

const TOOL = TINY["t.yaml"] ?? "";
const IDENTITY = "identity: {author: a, name: n, label: {en_US: x}, description: {en_US: d}, icon: i.svg}\n";
const ITEM = "identity: {author: a, name: t, label: {en_US: x}}\ndescription: {en_US: d}\n";

function manifest(edit: (text: string) => string = (text) => text): Texts {
  return { "manifest.yaml": edit(TINY["manifest.yaml"] ?? "") };
}

/** A package of one kind: `plugins` names its provider file. */
function ofKind(kind: string, files: Texts): Texts {
  return { ...manifest((text) => text.replace("tools: [p.yaml]", `${kind}: [p.yaml]`)), ...files };
}

function parameters(...lines: readonly string[]): Texts {
  return { "t.yaml": `${TOOL}parameters:\n${lines.map((line) => `  - ${line}\n`).join("")}` };
}

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join("");

interface Oddity {
  readonly files: Texts;
  /** Of the declaration that an upload answers. */
  readonly declaration: object;
}

const ODDITIES: Readonly<Record<string, Oddity>> = {
  "a megabyte of memory, permissions that are off, one architecture, an older Python": {
    files: manifest((text) =>
      text
        .replace(
          "{memory: 1}",
          "{memory: 1048576, permission: {tool: {enabled: false}, node: {enabled: false}, storage: {enabled: true, size: 1048576}, model: {enabled: true, llm: true}}}",
        )
        .replace("'3.12'", '"3.10"'),
    ),
    declaration: {
      resource: {
        memory: 1048576,
        permission: {
          tool: { enabled: false },
          node: { enabled: false },
          storage: { enabled: true, size: 1048576 },
          model: { enabled: true, llm: true, tts: false },
        },
      },
      meta: { arch: ["amd64"], runner: { version: "3.10" } },
    },
  },
  "a quoted time of creation, an empty minimum version, and a claim to be verified": {
    files: manifest((text) =>
      text
        .replace("2024-07-12T08:03:44Z", '"2024-07-12T08:03:44.774658+08:00"\nverified: true')
        .replace("meta: {", "meta: {minimum_dify_version: null, "),
    ),
    declaration: {
      created_at: "2024-07-12T08:03:44.774658+08:00",
      verified: false,
      meta: { minimum_dify_version: null },
    },
  },
  "privacy, repository, tags, a dark icon and a minimum version": {
    files: {
      ...manifest(
        (text) =>
          `${text.replace("meta: {", "meta: {minimum_dify_version: 1.10.0, ")}privacy: PRIVACY.md\nrepo: https://example.com/x\nicon_dark: dark/i.webp\ntags:\n  - search\n  - other\n`,
      ),
      "_assets/dark/i.webp": "RIFF",
    },
    declaration: {
      privacy: "PRIVACY.md",
      repo: "https://example.com/x",
      icon_dark: expect.stringMatching(/^[0-9a-f]{64}\.webp$/),
      tags: ["search", "other"],
      meta: { minimum_dify_version: "1.10.0" },
    },
  },
  "credentials as a list, which the SDK does not see": {
    files: {
      "p.yaml": `${IDENTITY}credentials_schema:\n  - {name: key, type: secret-input, required: true, label: {en_US: K}}\ntools: [t.yaml]\n`,
    },
    declaration: { tool: { credentials_schema: [{ name: "key", type: "secret-input", required: true }] } },
  },
  "credentials as a mapping, with OAuth beside it": {
    files: {
      "p.yaml": `${IDENTITY}credentials_for_provider:\n  b: {type: text-input, label: {en_US: B}, placeholder: {en_US: p}}\n  a: {type: secret-input, label: {en_US: A}, help: {zh_Hans: 帮助}}\noauth_schema:\n  client_schema: [{name: id, type: text-input}]\n  credentials_schema: [{name: token, type: secret-input}]\ntools: [t.yaml]\n`,
    },
    declaration: {
      tool: {
        credentials_schema: [{ name: "b" }, { name: "a", help: { en_US: "", zh_Hans: "帮助" } }],
        oauth_schema: { client_schema: [{ name: "id" }], credentials_schema: [{ name: "token" }] },
      },
    },
  },
  "parameters of every kind, options that are numbers and booleans, one that is empty, and strays": {
    files: parameters(
      "{name: a, type: select, form: form, options: [{value: 1, label: {en_US: x}}, {value: true, label: {en_US: x}}, {value: '', label: {en_US: x}}]}",
      "{name: b, type: secret-input, form: form, ja_JP: stray, placeholder: {en_US: p}, step: 1}",
      "{name: c, type: array, form: llm, default: [1]}",
      "{name: d, type: files, form: llm, mime_types: [image/png]}",
    ),
    declaration: {
      tool: {
        tools: [
          {
            parameters: [
              { options: [{ value: "1" }, { value: "true" }, { value: "" }] },
              { type: "secret-input", placeholder: { en_US: "p" } },
              { type: "array", default: [1] },
              { type: "files" },
            ],
          },
        ],
      },
    },
  },
  "an icon and a display name in the identity of a tool": {
    files: { "t.yaml": TOOL.replace("name: t,", "name: t, icon: i.svg, display_name: T,") },
    declaration: { tool: { tools: [{ identity: { author: "a", name: "t" } }] } },
  },
  "tools together with endpoints, whose settings are selectors with scopes": {
    files: {
      ...manifest((text) => text.replace("tools: [p.yaml]", "tools: [p.yaml]\n  endpoints: [g.yaml]")),
      "g.yaml":
        "settings:\n  - {name: app, type: app-selector, scope: chat, required: true, label: {en_US: A}}\n  - {name: m, type: model-selector, scope: tool-call&llm, label: {en_US: M}}\nendpoints: [e.yaml]\n",
      "e.yaml": "path: /x/<id>\nmethod: POST\nextra: {python: {source: e.py}}\n",
    },
    declaration: {
      tool: {},
      endpoint: {
        settings: [
          { type: "app-selector", scope: "chat" },
          { type: "model-selector", scope: "tool-call&llm" },
        ],
        endpoints: [{ path: "/x/<id>", method: "POST", hidden: false }],
      },
    },
  },
  "endpoints alone": {
    files: ofKind("endpoints", {
      "p.yaml": "settings: []\nendpoints: [e.yaml]\n",
      "e.yaml": "path: /\nmethod: GET\n",
    }),
    declaration: { endpoint: { settings: [], endpoints: [{ path: "/" }] } },
  },
  "a provider of models without models, of another name, with 36 forms and help without English": {
    files: ofKind("models", {
      "p.yaml": `provider: other_name\nlabel: {en_US: x}\nhelp: {title: {zh_Hans: 帮助}, url: {en_US: https://example.com}}\nsupported_model_types: [llm, text-embedding]\nconfigurate_methods: [customizable-model]\nmodel_credential_schema:\n  model: {label: {en_US: M}}\n  credential_form_schemas:\n${times(36, (n) => `    - {variable: v${n}, type: text-input, label: {en_US: V}, show_on: [{variable: __model_type, value: llm}]}\n`)}`,
    }),
    declaration: {
      model: {
        provider: "other_name",
        help: { title: { zh_Hans: "帮助" } },
        models: [],
        model_credential_schema: {
          credential_form_schemas: Array.from({ length: 36 }, (_, n) => ({ variable: `v${n}` })),
        },
      },
    },
  },
  "250 models without a label, rules by template, and a declaration of hundreds of kilobytes": {
    files: ofKind("models", {
      "p.yaml":
        "provider: n\nlabel: {en_US: x}\nsupported_model_types: [llm]\nconfigurate_methods: [predefined-model]\nmodels:\n  llm: {predefined: [models/llm/*.yaml], position: models/llm/_position.yaml}\n",
      "models/llm/_position.yaml": "- m-1\n- m-0\n",
      ...Object.fromEntries(
        Array.from({ length: 250 }, (_, n) => [
          `models/llm/m-${String(n).padStart(3, "0")}.yaml`,
          `model: m-${n}\nmodel_type: llm\nfeatures: [tool-call, polling]\nmodel_properties: {mode: chat, context_size: 128_000}\nparameter_rules:\n${["temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "max_tokens", "response_format", "json_schema"].map((name) => `  - {name: ${name}, use_template: ${name}}\n`).join("")}pricing: {input: '0.50', output: 1.5, unit: '0.000001', currency: USD}\n`,
        ]),
      ),
    }),
    declaration: {
      model: {
        position: { llm: ["m-1", "m-0"] },
        models: Array.from({ length: 250 }, (_, n) => ({
          label: { en_US: `m-${n}` },
          model_properties: { context_size: 128000 },
          pricing: { input: "0.5", output: "1.5", unit: "0.000001" },
        })),
      },
    },
  },
  "a datasource without parameters, its kind told twice": {
    files: ofKind("datasources", {
      "p.yaml": `${IDENTITY}provider_type: online_drive\ncredentials_schema: []\ndatasources: [d.yaml]\n`,
      "d.yaml": `${ITEM}provider_type: online_drive\nparameters:\noutput_schema: {type: object}\n`,
    }),
    declaration: { datasource: { provider_type: "online_drive", datasources: [{ parameters: null }] } },
  },
  "a trigger whose constructor asks for a secret and for options of its own, and whose event has a checkbox":
    {
      files: ofKind("triggers", {
        "p.yaml": `${IDENTITY}subscription_schema: []\nsubscription_constructor:\n  parameters:\n    - {name: secret, type: secret-input, label: {en_US: S}}\n    - {name: room, type: dynamic-select, multiple: true, label: {en_US: R}}\n  credentials_schema:\n    token: {type: secret-input, label: {en_US: T}}\nevents: [t.yaml]\n`,
        "t.yaml": `${ITEM}parameters:\n  - {name: c, type: checkbox, label: {en_US: C}, options: [{value: 1, label: {en_US: x}}]}\n`,
      }),
      declaration: {
        trigger: {
          subscription_constructor: {
            parameters: [{ type: "secret-input" }, { type: "dynamic-select", multiple: true }],
            credentials_schema: [{ name: "token" }],
          },
          events: [{ parameters: [{ type: "checkbox", options: [{ value: 1 }] }] }],
        },
      },
    },
  "two agent strategies, one with an array in its scope": {
    files: ofKind("agent_strategies", {
      "p.yaml": `${IDENTITY}strategies: [s.yaml, t.yaml]\n`,
      "s.yaml": `${ITEM}features: [history-messages]\nparameters:\n  - {name: q, type: any, scope: "string&array[object]", label: {en_US: Q}}\n  - {name: t, type: "array[tools]", label: {en_US: T}}\n`,
      "t.yaml": ITEM,
    }),
    declaration: {
      agent_strategy: {
        strategies: [
          { features: ["history-messages"], parameters: [{ scope: "string&array[object]" }, {}] },
          { parameters: null },
        ],
      },
    },
  },
  "hundreds of entries, dot files among them, and icons of every type": {
    files: {
      ...manifest((text) => text.replace("icon: i.svg", "icon: sub/i.ico")),
      ".env.example": "INSTALL_METHOD=remote",
      ".difyignore": ".venv/",
      ".github/workflows/publish.yml": "on: push",
      ".python-version": "3.14",
      "pyproject.toml": "[project]\nname = 'n'\n",
      "uv.lock": "version = 1\n",
      "_assets/sub/i.ico": "x",
      "_assets/a.mp3": "x",
      "_assets/b.yml": "x",
      "_assets/c.jpeg": "x",
      "readme/README_zh_Hans.md": "你好",
      ...Object.fromEntries(Array.from({ length: 283 }, (_, n) => [`tests/case_${n}.py`, `assert ${n}\n`])),
    },
    declaration: { icon: expect.stringMatching(/^[0-9a-f]{64}\.ico$/) },
  },
};

describe("an upload takes a package with", () => {
  test.each(Object.entries(ODDITIES))("%s", async (_, { files, declaration }) => {
    const bytes = packZip(textEntries({ ...TINY, ...files }));
    const plugin = await readPackage(bytes, { maxUncompressedBytes: 5_000_000, publicKeys: [] });
    validateUpload(plugin);
    expect(remapAssets(plugin).declaration).toMatchObject(declaration);
  });
});

test("an upload keeps every language, also those that clients don't know", async () => {
  const names = "{en_US: e, zh_Hans: h, ja_JP: j, pt_BR: p, zh_Hant: t, ko_KR: k, ja_Jp: w}";
  const bytes = packZip(
    textEntries({ ...TINY, ...manifest((text) => text.replace("label: {en_US: x}", `label: ${names}`)) }),
  );
  const { declaration } = await readPackage(bytes, { maxUncompressedBytes: 5_000_000, publicKeys: [] });
  const label: unknown = declaration.label;
  expect(label).toEqual({
    en_US: "e",
    zh_Hans: "h",
    ja_JP: "j",
    pt_BR: "p",
    zh_Hant: "t",
    ko_KR: "k",
    ja_Jp: "w",
  });
});
