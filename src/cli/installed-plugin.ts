import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { parseIdentifier } from "../protocol/identifier.ts";
import { CliError } from "./cli-error.ts";
import type { DaemonClient } from "./daemon-client.ts";

const PAGE_SIZE = 256;

const Named = Type.Object({ identity: Type.Object({ name: Type.String() }) });
const Provider = Type.Object({ identity: Type.Object({ name: Type.String() }) });

/** A parameter of a tool, as far as a command line needs to know it (contract/http-api, appendix A). */
export const ToolParameter = Type.Object({
  name: Type.String(),
  type: Type.String(),
  required: Type.Optional(Type.Boolean()),
  default: Type.Optional(Type.Unknown()),
});
export type ToolParameter = Static<typeof ToolParameter>;

const Tool = Type.Composite([
  Named,
  Type.Object({
    parameters: Type.Optional(Type.Union([Type.Array(ToolParameter), Type.Null()])),
    has_runtime_parameters: Type.Optional(Type.Boolean()),
  }),
]);
export type Tool = Static<typeof Tool>;

const optional = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** What commands read of an installation; the rest is kept for `--json`. */
export const InstalledPlugin = Type.Object({
  id: Type.String(),
  plugin_id: Type.String(),
  plugin_unique_identifier: Type.String(),
  version: Type.String(),
  runtime_type: Type.String(),
  declaration: Type.Object({
    tool: optional(Type.Composite([Provider, Type.Object({ tools: Type.Array(Tool) })])),
    model: optional(Type.Object({ models: optional(Type.Array(Type.Unknown())) })),
    agent_strategy: optional(Type.Object({ strategies: Type.Array(Named) })),
    datasource: optional(Type.Object({ datasources: Type.Array(Named) })),
    trigger: optional(Type.Object({ events: Type.Array(Named) })),
    endpoint: optional(Type.Object({ endpoints: optional(Type.Array(Type.Unknown())) })),
  }),
});
export type InstalledPlugin = Static<typeof InstalledPlugin>;

const Listed = Type.Object({ list: Type.Array(Type.Unknown()), total: Type.Number() });

/** The installation of a plugin id, or of the id that a unique identifier names. Undefined: not installed. */
export async function findInstalled(
  client: DaemonClient,
  name: string,
): Promise<InstalledPlugin | undefined> {
  const pluginId = parseIdentifier(name)?.pluginId ?? name;
  const rows = await client.post("management/installation/fetch/batch", { plugin_ids: [pluginId] });
  return Array.isArray(rows) && rows.length > 0 ? decodeInstalled(rows[0], client.url) : undefined;
}

/** Every installed plugin, newest first, with the daemon's own objects beside what is read of them. */
export async function listInstalled(
  client: DaemonClient,
): Promise<{ readonly plugins: readonly InstalledPlugin[]; readonly raw: readonly unknown[] }> {
  const raw: unknown[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await client.get("management/list", {
      page: String(page),
      page_size: String(PAGE_SIZE),
      response_type: "paged",
    });
    if (!Value.Check(Listed, answer)) throw notUnderstood(client.url);
    raw.push(...answer.list);
    if (answer.list.length < PAGE_SIZE || raw.length >= answer.total) break;
  }
  return { plugins: raw.map((row) => decodeInstalled(row, client.url)), raw };
}

function decodeInstalled(row: unknown, url: string): InstalledPlugin {
  if (!Value.Check(InstalledPlugin, row)) throw notUnderstood(url);
  return row;
}

function notUnderstood(url: string): CliError {
  return new CliError(`The daemon at "${url}" described a plugin in a way that is not understood`);
}
