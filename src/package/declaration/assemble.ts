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
  return completeDeclaration(await files.decode("manifest.yaml", manifest), { verified, files });
}

/** Puts together what a manifest names, and fills in defaults; without files, what it holds itself. */
export async function completeDeclaration(
  decoded: ReturnType<typeof manifest>,
  { verified, files }: { readonly verified: boolean; readonly files?: SourceFiles },
): Promise<PluginDeclaration> {
  const { endpoint, model, tool, agent_strategy, datasource, trigger, ...top } = decoded;
  const { plugins } = top;
  const from = <P>(name: string, inline: P | undefined) => ({
    files,
    paths: files && plugins[name],
    inline,
  });
  const tools = await readProvider(TOOL, from("tools", tool));
  const endpoints = await readProvider(ENDPOINT, from("endpoints", endpoint));
  const models = await readProvider(MODEL, from("models", model));
  const strategies = await readProvider(AGENT_STRATEGY, from("agent_strategies", agent_strategy));
  const datasources = await readProvider(DATASOURCE, from("datasources", datasource));
  const triggers = await readProvider(TRIGGER, from("triggers", trigger));
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
