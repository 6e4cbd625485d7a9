import type { I18n, PluginDeclaration } from "../../protocol/declaration.ts";
import type { SourceFiles } from "../source-files.ts";
import { manifest } from "./manifest.ts";
import {
  AGENT_STRATEGY,
  DATASOURCE,
  ENDPOINT,
  MODEL,
  readProvider,
  TOOL,
  TRIGGER,
} from "./provider-files.ts";

/**
 * The declaration of a package: its manifest and every file that this names, merged (contract/plugin-package 2.9).
 *
 * `verified` is the result of the signature check. Icons keep their names. Throws `bad_request` with the first thing
 * that is wrong; kinds are read in the order of the reference, so that it is the same one.
 */
export async function assembleDeclaration(files: SourceFiles, verified: boolean): Promise<PluginDeclaration> {
  const { endpoint, model, tool, agent_strategy, datasource, trigger, ...top } = await files.decode(
    "manifest.yaml",
    manifest,
  );
  const { plugins } = top;
  const tools = await readProvider(TOOL, { files, paths: plugins.tools, inline: tool });
  const endpoints = await readProvider(ENDPOINT, { files, paths: plugins.endpoints, inline: endpoint });
  const models = await readProvider(MODEL, { files, paths: plugins.models, inline: model });
  const strategies = await readProvider(AGENT_STRATEGY, {
    files,
    paths: plugins.agent_strategies,
    inline: agent_strategy,
  });
  const datasources = await readProvider(DATASOURCE, {
    files,
    paths: plugins.datasources,
    inline: datasource,
  });
  const triggers = await readProvider(TRIGGER, { files, paths: plugins.triggers, inline: trigger });
  return {
    ...top,
    tags: top.tags ?? [],
    verified,
    ...(endpoints && { endpoint: endpoints }),
    ...(models && { model: { ...models, description: models.description ?? top.description } }),
    ...(tools && { tool: { ...tools, identity: fillIdentity(tools.identity, top) } }),
    ...(strategies && { agent_strategy: strategies }),
    ...(datasources && { datasource: datasources }),
    ...(triggers && { trigger: { ...triggers, identity: fillIdentity(triggers.identity, top) } }),
  };
}

/** Tools and triggers take description and tags of the plugin where they have none; tags may then be null (2.9). */
function fillIdentity<T extends { readonly description: I18n; readonly tags: readonly string[] }>(
  identity: T,
  plugin: { readonly description: I18n; readonly tags: readonly string[] | null },
): T | (Record<string, unknown> & { description: I18n; tags: readonly string[] | null }) {
  return {
    ...identity,
    description: identity.description.en_US ? identity.description : plugin.description,
    tags: identity.tags.length > 0 ? identity.tags : plugin.tags,
  };
}
