import type { PluginDeclaration } from "../../../src/protocol/declaration.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type {
  DeclarationRow,
  NewInstallation,
  SessionRow,
  Store,
  TaskItem,
} from "../../../src/store/store.ts";

/** A store in memory, at a time that only moves when the test says so. */
export function testStore(options: { readonly sessionHistory?: number } = {}) {
  let at = Date.UTC(2026, 0, 1);
  const store = openStore({
    path: ":memory:",
    synchronous: "normal",
    sessionHistory: options.sessionHistory ?? 100,
    now: () => new Date(at),
  });
  return {
    store,
    now: () => new Date(at),
    /** Lets time pass; answers the new time. */
    pass: (ms: number): Date => {
      at += ms;
      return new Date(at);
    },
  };
}

export function identifierOf(pluginId: string, version = "1.0.0"): string {
  return `${pluginId}:${version}@${"a".repeat(64)}`;
}

export function declarationOf(name: string, more: Readonly<Record<string, unknown>> = {}): PluginDeclaration {
  return {
    version: "1.0.0",
    author: "acme",
    name,
    label: { en_US: name },
    description: { en_US: name },
    icon: "",
    icon_dark: "",
    resource: { memory: 1 },
    plugins: {},
    meta: {
      version: "1.0.0",
      arch: ["amd64"],
      runner: { language: "python", version: "3.12", entrypoint: "main" },
      minimum_dify_version: null,
    },
    tags: [],
    created_at: "2026-01-01T00:00:00Z",
    verified: false,
    ...more,
  };
}

export function upload(
  pluginId: string,
  more: Partial<Omit<DeclarationRow, "createdAt">> = {},
): Omit<DeclarationRow, "createdAt"> {
  return {
    identifier: identifierOf(pluginId),
    pluginId,
    category: "tool",
    declaration: declarationOf(pluginId),
    verification: null,
    packageBytes: 1000,
    assetIds: [],
    ...more,
  };
}

export function installation(
  tenantId: string,
  pluginId: string,
  more: Partial<NewInstallation> = {},
): NewInstallation {
  return {
    tenantId,
    pluginId,
    identifier: identifierOf(pluginId),
    runtimeType: "local",
    source: "package",
    meta: {},
    ...more,
  };
}

/** Uploads what is needed and installs it; answers the row. */
export async function install(store: Store, tenantId: string, pluginId: string, version = "1.0.0") {
  const identifier = identifierOf(pluginId, version);
  await store.declarations.save(upload(pluginId, { identifier }));
  return (await store.installations.add(installation(tenantId, pluginId, { identifier }))).row;
}

export function item(pluginId: string, more: Partial<TaskItem> = {}): TaskItem {
  return {
    identifier: identifierOf(pluginId),
    pluginId,
    labels: { en_US: pluginId },
    icon: "icon.svg",
    iconDark: "",
    status: "pending",
    message: "",
    source: "package",
    ...more,
  };
}

export function session(id: string, more: Partial<SessionRow> = {}): SessionRow {
  const startedAt = more.startedAt ?? new Date(Date.UTC(2026, 0, 1));
  return {
    id,
    tenantId: "t1",
    pluginId: "acme/search",
    identifier: identifierOf("acme/search"),
    runtimeType: "local",
    type: "tool",
    action: "invoke_tool",
    startedAt,
    lastActiveAt: startedAt,
    endedAt: null,
    outcome: null,
    items: 0,
    bytes: 0,
    callsBack: 0,
    failedCallsBack: 0,
    functionMs: null,
    functionMemoryMb: null,
    callBackTrace: [],
    ...more,
  };
}
