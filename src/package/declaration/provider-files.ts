import { DaemonError } from "../../protocol/daemon-error.ts";
import type { FileWords, SourceFiles } from "../source-files.ts";
import { type Decoder, listOrEmpty } from "../yaml/decode.ts";
import { text } from "../yaml/values.ts";
import { agentStrategy, agentStrategyProvider } from "./agent-strategy.ts";
import { datasource, datasourceProvider } from "./datasource.ts";
import { endpoint, endpointProvider } from "./endpoint.ts";
import { matchGlob } from "./glob.ts";
import { model } from "./model.ts";
import { modelProvider, type ModelSource } from "./model-provider.ts";
import type { ItemList } from "./shared.ts";
import { tool, toolProvider } from "./tool.ts";
import { event, triggerProvider } from "./trigger.ts";

/** One kind of provider: how its file is decoded, and what is read after it. */
interface ProviderKind<P, R> {
  readonly words: FileWords;
  readonly decoder: Decoder<P>;
  /** Puts the items in; those in files only where `files` are given. */
  complete(provider: P, files?: SourceFiles): Promise<R>;
}

/**
 * Decodes every provider file of a kind and gives the last one, completed. Without files it is the provider that
 * stands in the manifest itself, whose item files nobody reads.
 */
export async function readProvider<P, R>(
  kind: ProviderKind<P, R>,
  from: {
    readonly files: SourceFiles | undefined;
    readonly paths: readonly string[] | null | undefined;
    readonly inline: P | undefined;
  },
): Promise<R | undefined> {
  const { files } = from;
  let result = from.inline && (await kind.complete(from.inline));
  if (files)
    for (const path of from.paths ?? [])
      result = await kind.complete(await files.decode(path, kind.decoder, kind.words), files);
  return result;
}

type ProviderOf<D> = D extends Decoder<infer P> ? P : never;

/** One of the six kinds. */
function kind<P, R>(value: ProviderKind<P, R>): ProviderKind<P, R> {
  return value;
}

export const TOOL = kind({
  words: { read: "tool file", decode: "plugin file" },
  decoder: toolProvider,
  complete: async (provider, files) => ({
    ...provider,
    tools: await readItems(provider.tools, { item: tool, noun: "tool file", files }),
  }),
});

export const ENDPOINT = kind({
  words: { read: "endpoint file", decode: "plugin file" },
  decoder: endpointProvider,
  complete: async (provider, files) => ({
    ...provider,
    endpoints:
      provider.endpoints &&
      (await readItems(provider.endpoints, { item: endpoint, noun: "endpoint file", files })),
  }),
});

export const AGENT_STRATEGY = kind({
  words: { read: "agent strategy file", decode: "agent strategy file" },
  decoder: agentStrategyProvider,
  complete: async (provider, files) => ({
    ...provider,
    strategies: await readItems(provider.strategies, {
      item: agentStrategy,
      noun: "agent strategy file",
      files,
    }),
  }),
});

export const DATASOURCE = kind({
  words: { read: "datasource file", decode: "datasource file" },
  decoder: datasourceProvider,
  complete: async (provider, files) => ({
    ...provider,
    datasources: await readItems(provider.datasources, { item: datasource, noun: "datasource file", files }),
  }),
});

export const TRIGGER = kind({
  words: { read: "trigger file", decode: "trigger file" },
  decoder: triggerProvider,
  complete: async (provider, files) => ({
    ...provider,
    events: await readItems(provider.events, { item: event, noun: "event file", files }),
  }),
});

export const MODEL = kind({
  words: { read: "model file", decode: "plugin file" },
  decoder: modelProvider,
  complete: async (provider, files) => {
    const { model_declarations: declared, ...rest } = provider;
    const { models: source, position, ...others } = rest;
    if (source.kind === "files")
      return {
        ...rest,
        position: await readPositions(source, files),
        models: await readModels(source, files),
      };
    const models = [...(source.models.length > 0 ? source.models : declared)];
    return position ? { ...rest, models } : { ...others, models };
  },
});

/** Inline items come first. */
async function readItems<T>(
  items: ItemList<T>,
  from: { readonly item: Decoder<T>; readonly noun: string; readonly files: SourceFiles | undefined },
): Promise<T[]> {
  const result = [...items.inline];
  const words = { read: from.noun, decode: from.noun };
  if (from.files)
    for (const path of items.files) result.push(await from.files.decode(path, from.item, words));
  return result;
}

type FileSource = Extract<ModelSource, { kind: "files" }>;

/** Files that list model names, by type of model. */
async function readPositions(source: FileSource, files?: SourceFiles): Promise<Record<string, string[]>> {
  const result: Record<string, string[]> = {};
  for (const [kind, path] of files ? source.positions : []) {
    const noun = `${kind.replaceAll("_", " ")} position file`;
    const names = await files?.decode(path, listOrEmpty("string", text), { read: noun, decode: noun });
    if (names) result[kind] = names;
  }
  return result;
}

/** Models of every file that a glob matches, in archive order; once for each glob that does. */
async function readModels(source: FileSource, files?: SourceFiles): Promise<ProviderOf<typeof model>[]> {
  const result: ProviderOf<typeof model>[] = [];
  if (!files) return result;
  for (const path of files.paths)
    for (const glob of source.globs) {
      const matches = matchGlob(glob, path);
      if (matches === undefined) throw new DaemonError("bad_request", `syntax error in pattern: ${glob}`);
      // Position files lie between the models that they order.
      if (matches && !path.endsWith("_position.yaml")) result.push(await files.decode(path, model));
    }
  return result;
}
