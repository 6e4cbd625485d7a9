import type { PluginDeclaration, ProviderKind } from "../../src/protocol/declaration.ts";
import { categoryOf } from "../../src/protocol/declaration.ts";
import { declarationOf } from "../unit/store/test-store.ts";
import type { Management } from "./management-support.ts";

/** What a plugin has; of a kind the name of its provider. */
export type TestPlugin = Readonly<Partial<Record<ProviderKind, string>>> &
  Partial<Pick<PluginDeclaration, "tags" | "label" | "description" | "verified">>;

/** Puts `acme/NAME:1.0.0` into the store, as an upload and an installation do it, without a package. */
export async function installTestPlugin(
  management: Management,
  name: string,
  plugin: TestPlugin,
  tenantId = "t1",
) {
  const { store } = management;
  const { tool, model, agent_strategy, datasource, trigger, ...more } = plugin;
  const identified = (provider: string | undefined) =>
    provider === undefined ? undefined : { identity: { name: provider }, extra: ["ünïcode", 1.5] };
  const declaration: PluginDeclaration = declarationOf(name, {
    ...more,
    tool: identified(tool),
    model: model === undefined ? undefined : { provider: model, models: [] },
    agent_strategy: identified(agent_strategy),
    datasource: identified(datasource),
    trigger: identified(trigger),
  });
  const identifier = `acme/${name}:1.0.0@${new Bun.CryptoHasher("sha256").update(name).digest("hex")}`;
  const pluginId = `acme/${name}`;
  await store.declarations.save({
    identifier,
    pluginId,
    category: categoryOf(declaration),
    declaration,
    verification: null,
    packageBytes: 1,
    assetIds: [],
  });
  const { row } = await store.installations.add({
    tenantId,
    pluginId,
    identifier,
    runtimeType: "local",
    source: "package",
    meta: { from: "test" },
  });
  return { identifier, row, declaration: JSON.parse(JSON.stringify(declaration)) as PluginDeclaration };
}
