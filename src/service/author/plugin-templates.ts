import agentProviderPy from "./templates/agent-strategy/provider.py.txt" with { type: "text" };
import agentProviderYaml from "./templates/agent-strategy/provider.yaml.txt" with { type: "text" };
import agentStrategyPy from "./templates/agent-strategy/strategy.py.txt" with { type: "text" };
import agentStrategyYaml from "./templates/agent-strategy/strategy.yaml.txt" with { type: "text" };
import difyignore from "./templates/common/difyignore.txt" with { type: "text" };
import envExample from "./templates/common/env.example.txt" with { type: "text" };
import gitignore from "./templates/common/gitignore.txt" with { type: "text" };
import guide from "./templates/common/guide.md.txt" with { type: "text" };
import iconDark from "./templates/common/icon-dark.svg.txt" with { type: "text" };
import icon from "./templates/common/icon.svg.txt" with { type: "text" };
import mainPy from "./templates/common/main.py.txt" with { type: "text" };
import publish from "./templates/common/plugin-publish.yml.txt" with { type: "text" };
import privacy from "./templates/common/privacy.md.txt" with { type: "text" };
import pyproject from "./templates/common/pyproject.toml.txt" with { type: "text" };
import readmeJapanese from "./templates/common/readme-ja-jp.md.txt" with { type: "text" };
import readmePortuguese from "./templates/common/readme-pt-br.md.txt" with { type: "text" };
import readmeChinese from "./templates/common/readme-zh-hans.md.txt" with { type: "text" };
import readme from "./templates/common/readme.md.txt" with { type: "text" };
import requirements from "./templates/common/requirements.txt" with { type: "text" };
import datasourcePy from "./templates/datasource/datasource.py.txt" with { type: "text" };
import datasourceYaml from "./templates/datasource/datasource.yaml.txt" with { type: "text" };
import datasourceProviderPy from "./templates/datasource/provider.py.txt" with { type: "text" };
import datasourceProviderYaml from "./templates/datasource/provider.yaml.txt" with { type: "text" };
import endpointPy from "./templates/extension/endpoint.py.txt" with { type: "text" };
import endpointYaml from "./templates/extension/endpoint.yaml.txt" with { type: "text" };
import endpointGroup from "./templates/extension/group.yaml.txt" with { type: "text" };
import llmPy from "./templates/model/llm.py.txt" with { type: "text" };
import llmYaml from "./templates/model/llm.yaml.txt" with { type: "text" };
import moderationPy from "./templates/model/moderation.py.txt" with { type: "text" };
import moderationYaml from "./templates/model/moderation.yaml.txt" with { type: "text" };
import modelProviderPy from "./templates/model/provider.py.txt" with { type: "text" };
import modelProviderYaml from "./templates/model/provider.yaml.txt" with { type: "text" };
import rerankPy from "./templates/model/rerank.py.txt" with { type: "text" };
import rerankYaml from "./templates/model/rerank.yaml.txt" with { type: "text" };
import speechPy from "./templates/model/speech2text.py.txt" with { type: "text" };
import speechYaml from "./templates/model/speech2text.yaml.txt" with { type: "text" };
import embeddingPy from "./templates/model/text_embedding.py.txt" with { type: "text" };
import embeddingYaml from "./templates/model/text_embedding.yaml.txt" with { type: "text" };
import ttsPy from "./templates/model/tts.py.txt" with { type: "text" };
import ttsYaml from "./templates/model/tts.yaml.txt" with { type: "text" };
import toolProviderPy from "./templates/tool/provider.py.txt" with { type: "text" };
import toolProviderYaml from "./templates/tool/provider.yaml.txt" with { type: "text" };
import toolPy from "./templates/tool/tool.py.txt" with { type: "text" };
import toolYaml from "./templates/tool/tool.yaml.txt" with { type: "text" };
import triggerEventPy from "./templates/trigger/event.py.txt" with { type: "text" };
import triggerEventYaml from "./templates/trigger/event.yaml.txt" with { type: "text" };
import triggerProviderPy from "./templates/trigger/provider.py.txt" with { type: "text" };
import triggerProviderYaml from "./templates/trigger/provider.yaml.txt" with { type: "text" };

/** Path in the plugin's folder → text; both are filled in by `renderTemplate`. */
export type Templates = Readonly<Record<string, string>>;

/** What every plugin has beside its manifest. */
export const COMMON: Templates = {
  "_assets/icon.svg": icon,
  "_assets/icon-dark.svg": iconDark,
  "README.md": readme,
  "PRIVACY.md": privacy,
  "GUIDE.md": guide,
  ".env.example": envExample,
  ".github/workflows/plugin-publish.yml": publish,
  ".difyignore": difyignore,
  ".gitignore": gitignore,
  "main.py": mainPy,
  "requirements.txt": requirements,
  "pyproject.toml": pyproject,
};

/** Readmes in languages other than English. */
export const TRANSLATED_READMES = {
  zh_Hans: readmeChinese,
  ja_JP: readmeJapanese,
  pt_BR: readmePortuguese,
} as const;

export type ReadmeLanguage = keyof typeof TRANSLATED_READMES;

export const TOOL: Templates = {
  "provider/{{name}}.yaml": toolProviderYaml,
  "provider/{{name}}.py": toolProviderPy,
  "tools/{{name}}.yaml": toolYaml,
  "tools/{{name}}.py": toolPy,
};

export const ENDPOINT: Templates = {
  "group/{{name}}.yaml": endpointGroup,
  "endpoints/{{name}}.yaml": endpointYaml,
  "endpoints/{{name}}.py": endpointPy,
};

export const AGENT_STRATEGY: Templates = {
  "provider/{{name}}.yaml": agentProviderYaml,
  "provider/{{name}}.py": agentProviderPy,
  "strategies/{{name}}.yaml": agentStrategyYaml,
  "strategies/{{name}}.py": agentStrategyPy,
};

export const TRIGGER: Templates = {
  "provider/{{name}}.yaml": triggerProviderYaml,
  "provider/{{name}}.py": triggerProviderPy,
  "events/{{name}}_event.yaml": triggerEventYaml,
  "events/{{name}}_event.py": triggerEventPy,
};

export const DATASOURCE: Templates = {
  "provider/{{name}}.yaml": datasourceProviderYaml,
  "provider/{{name}}.py": datasourceProviderPy,
  "datasources/{{name}}.yaml": datasourceYaml,
  "datasources/{{name}}.py": datasourcePy,
};

/** By the section of `models` in the provider's file, which is also the name of the folder. */
export const MODELS = {
  llm: model("llm", llmYaml, llmPy),
  text_embedding: model("text_embedding", embeddingYaml, embeddingPy),
  rerank: model("rerank", rerankYaml, rerankPy),
  tts: model("tts", ttsYaml, ttsPy),
  speech2text: model("speech2text", speechYaml, speechPy),
  moderation: model("moderation", moderationYaml, moderationPy),
} as const;

function model(section: string, yaml: string, python: string): Templates {
  return {
    "provider/{{name}}.yaml": modelProviderYaml,
    "provider/{{name}}.py": modelProviderPy,
    [`models/${section}/${section}.yaml`]: yaml,
    [`models/${section}/${section}.py`]: python,
  };
}
