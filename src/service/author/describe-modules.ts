import { isRecord } from "../../lib/is-record.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";

type Json = Readonly<Record<string, unknown>>;

/** Kinds of parts: the provider in the declaration, its list of items, and what one is called. */
const KINDS = [
  ["tool", "tools", "Tool"],
  ["agent_strategy", "strategies", "Agent strategy"],
  ["model", "models", "Model"],
  ["endpoint", "endpoints", "Endpoint"],
  ["datasource", "datasources", "Datasource"],
  ["trigger", "events", "Event"],
] as const;

/** What a plugin consists of, for its author to read: a block for each part (contract/plugin-package 7.1). */
export function describeModules(declaration: PluginDeclaration): string {
  const blocks = KINDS.flatMap(([kind, list, noun]) =>
    objects(declaration[kind]?.[list]).map((item) => describeItem(noun, item)),
  );
  return blocks.length === 0 ? "The plugin has no parts\n" : blocks.join("\n");
}

function describeItem(noun: string, item: Json): string {
  const identity = object(item["identity"]);
  const description = object(item["description"]);
  const fields = [
    ["Author", identity["author"]],
    ["Label", english(identity["label"] ?? item["label"])],
    ["Description", english(description["human"] ?? item["description"])],
    ["For models", description["llm"]],
    ["Type", item["model_type"]],
    ["Features", Array.isArray(item["features"]) ? item["features"].join(", ") : undefined],
    ["Method", item["method"]],
    ["Hidden", item["hidden"] === true ? "yes" : undefined],
  ];
  const name = identity["name"] ?? item["model"] ?? item["path"];
  const parameters = objects(item["parameters"] ?? item["parameter_rules"]).map(describeParameter);
  return [
    `${noun}: ${text(name)}\n`,
    ...fields.map(([label, value]) => (text(value) === "" ? "" : `  ${text(label)}: ${text(value)}\n`)),
    ...(parameters.length > 0 ? ["  Parameters:\n", ...parameters] : []),
  ].join("");
}

function describeParameter(parameter: Json): string {
  const facts = [
    text(parameter["type"]),
    parameter["required"] === true ? "required" : "",
    text(parameter["form"]),
  ].filter((fact) => fact !== "");
  const about = english(parameter["human_description"] ?? parameter["description"] ?? parameter["help"]);
  const head = `    - ${text(parameter["name"])}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`;
  const label = english(parameter["label"]);
  return `${[head, label, about].filter((part) => part !== "").join(": ")}\n`;
}

function english(value: unknown): string {
  return typeof value === "string" ? value : text(object(value)["en_US"]);
}

/** On one line, whatever the plugin's files say. */
function text(value: unknown): string {
  const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return plain ? String(value).replaceAll(/\s+/g, " ").trim() : "";
}

function object(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(object) : [];
}
