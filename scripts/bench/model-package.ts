import type { PackageFile } from "../../src/package/package.ts";
import { writePackage } from "../../src/package/write-package.ts";

/** Together about 190 kB of declaration, as the large providers of models bring. */
const MODELS = 77;
const ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z"/></svg>\n';

/** A plugin with a provider of many models, as a package. */
export function packModelPlugin(number: number): Promise<Uint8Array<ArrayBuffer>> {
  const name = `models-${number}`;
  const texts: Record<string, string> = {
    "_assets/icon.svg": ICON,
    "main.py": "",
    "manifest.yaml": manifest(name),
    "provider/models.yaml": provider(name),
    "requirements.txt": "dify_plugin\n",
  };
  for (let model = 0; model < MODELS; model++)
    texts[`models/llm/model-${model}.yaml`] = modelText(`vendor-${model % 12}/model-${model}`, model);
  const encoder = new TextEncoder();
  return writePackage(
    Object.entries(texts).map(([path, text]): PackageFile => ({ path, bytes: encoder.encode(text) })),
  );
}

const manifest = (name: string) => `version: 0.0.1
type: plugin
author: plugd-bench
name: ${name}
label: { en_US: Models of ${name}, zh_Hans: ${name} 的模型 }
description: { en_US: Many models behind one address, zh_Hans: 一个地址后面的许多模型 }
icon: icon.svg
created_at: "2026-01-01T00:00:00Z"
resource:
  memory: 268435456
  permission: { model: { enabled: true, llm: true } }
plugins:
  models: [provider/models.yaml]
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: { language: python, version: "3.12", entrypoint: main }
`;

const provider = (name: string) => `provider: ${name}
label: { en_US: Models, zh_Hans: 模型 }
description: { en_US: Many models behind one address, zh_Hans: 一个地址后面的许多模型 }
icon_small: { en_US: icon.svg }
icon_large: { en_US: icon.svg }
background: "#F9FAFB"
help:
  title: { en_US: Get your key from the console, zh_Hans: 从控制台获取密钥 }
  url: { en_US: https://models.example/keys }
supported_model_types: [llm]
configurate_methods: [predefined-model, customizable-model]
provider_credential_schema:
  credential_form_schemas:
    - variable: api_key
      label: { en_US: API key, zh_Hans: 密钥 }
      type: secret-input
      required: true
      placeholder: { en_US: Enter your API key, zh_Hans: 输入您的密钥 }
models:
  llm:
    predefined: [models/llm/*.yaml]
extra: { python: { provider_source: main.py, model_sources: [] } }
`;

const modelText = (model: string, number: number) => `model: ${model}
label: { en_US: ${model} }
model_type: llm
features: [agent-thought, vision, tool-call, multi-tool-call, stream-tool-call]
model_properties: { mode: chat, context_size: ${32768 + number} }
parameter_rules:
  - { name: temperature, use_template: temperature }
  - { name: top_p, use_template: top_p }
  - name: top_k
    label: { en_US: Top k, zh_Hans: 取样数量 }
    type: int
    help: { en_US: Only sample from the top options for each subsequent token, zh_Hans: 仅从每个后续标记的前几个选项中采样 }
    required: false
  - { name: max_tokens, use_template: max_tokens, required: true, default: 4096, min: 1, max: ${8192 + number} }
pricing: { input: "0.00${number + 1}", output: "0.0${number + 1}", unit: "0.000001", currency: USD }
`;
