import { isRecord } from "../../lib/is-record.ts";
import type { TransmittedKind } from "./transmitted.ts";

const NAME = /^[a-zA-Z0-9_-]+$/;
/** Where the items of a kind stand. */
const ITEMS: Readonly<Record<TransmittedKind, string | undefined>> = {
  tool: "tools",
  model: undefined,
  endpoint: "endpoints",
  agent_strategy: "strategies",
  datasource: "datasources",
  trigger: "events",
};

/**
 * What a provider that comes over the wire lacks of what every caller needs: names, labels and types, a line each
 * (contract/plugin-package 2.2 to 2.8, of the strict rules those without which nothing could be called).
 */
export function providerProblems(kind: TransmittedKind, provider: unknown): string[] {
  const problems: string[] = [];
  const missing = (value: unknown, field: string) => {
    if (typeof value !== "string" || value === "") problems.push(`${field}: is missing`);
  };
  const label = (value: unknown, field: string) => missing(at(value, "en_US"), `${field}.en_US`);
  const identity = (value: unknown, field: string) => {
    const name = at(value, "name");
    if (typeof name !== "string" || !NAME.test(name))
      problems.push(`${field}.name: must be of letters, digits, "_" and "-", not ${JSON.stringify(name)}`);
    missing(at(value, "author"), `${field}.author`);
    label(at(value, "label"), `${field}.label`);
  };
  const each = (value: unknown, field: string, check: (item: unknown, place: string) => void) => {
    if (Array.isArray(value)) for (const [n, item] of value.entries()) check(item, `${field}[${n}]`);
  };
  const field = (value: unknown, place: string) => {
    missing(at(value, "name"), `${place}.name`);
    missing(at(value, "type"), `${place}.type`);
  };

  if (kind === "model") {
    missing(at(provider, "provider"), "provider");
    label(at(provider, "label"), "label");
    return problems;
  }
  if (kind === "endpoint") {
    each(at(provider, "settings"), "settings", field);
    each(items(kind, provider), "endpoints", (endpoint, place) => {
      missing(at(endpoint, "path"), `${place}.path`);
      missing(at(endpoint, "method"), `${place}.method`);
    });
    return problems;
  }
  identity(at(provider, "identity"), "identity");
  if (kind === "datasource") missing(at(provider, "provider_type"), "provider_type");
  each(at(provider, "credentials_schema"), "credentials_schema", field);
  each(items(kind, provider), ITEMS[kind] ?? "", (item, place) => {
    identity(at(item, "identity"), `${place}.identity`);
    each(at(item, "parameters"), `${place}.parameters`, field);
  });
  return problems;
}

/** Those that stand there; paths of files name nothing in what came over the wire. */
function items(kind: TransmittedKind, provider: unknown): unknown {
  return at(at(provider, ITEMS[kind] ?? ""), "inline");
}

function at(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}
