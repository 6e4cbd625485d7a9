import type {
  I18n,
  PluginCategory,
  PluginDeclaration,
  ProviderKind,
  Verification,
} from "../protocol/declaration.ts";
import type { PluginStorageStore } from "./plugin-storage.ts";
import type { ServerlessRuntimeStore } from "./serverless-runtime.ts";

/**
 * What services see of the database. Every method is one whole transaction and returns a promise, so that
 * SQLite and Postgres can both stand behind it.
 */
export interface Store {
  readonly declarations: DeclarationStore;
  readonly installations: InstallationStore;
  readonly endpoints: EndpointStore;
  readonly catalogue: CatalogueStore;
  readonly readmes: ReadmeStore;
  readonly tasks: TaskStore;
  readonly sessions: SessionStore;
  readonly pluginStorage: PluginStorageStore;
  readonly serverless: ServerlessRuntimeStore;
  readonly debugKeys: DebugKeyStore;
  /** Idempotent. Closes the file; nothing is pending, as every write is one transaction. The folder's lock is `DataFolder`'s. */
  close(): Promise<void>;
}

/** An uploaded plugin: its stored declaration and the blobs it refers to. */
export interface DeclarationRow {
  /** `author/name:version@checksum`. */
  readonly identifier: string;
  readonly pluginId: string;
  readonly category: PluginCategory;
  /** Icons are asset ids. */
  readonly declaration: PluginDeclaration;
  readonly verification: Verification | null;
  readonly packageBytes: number;
  /** Asset ids that the declaration refers to. */
  readonly assetIds: readonly string[];
  readonly createdAt: Date;
}

export interface DeclarationStore {
  /**
   * Inserts it if absent; an existing row keeps its declaration and gets no second set of references. Either way it
   * counts as unused from now on, so that a new upload is not collected before it can be installed.
   */
  save(row: Omit<DeclarationRow, "createdAt">): Promise<void>;
  get(identifier: string): Promise<DeclarationRow | undefined>;
  /**
   * Identifiers that no installation and no unfinished task refers to since before `before`: counted from the upload
   * or the end of the last installation, whichever came later.
   */
  unreferenced(before: Date): Promise<readonly string[]>;
  /**
   * Removes a declaration unless an installation or an unfinished item of a task refers to it. Answers the asset ids
   * that nothing refers to any more (none when there was no such declaration), or undefined when it was kept.
   */
  removeIfUnreferenced(identifier: string): Promise<readonly string[] | undefined>;
  /** Of these keys in the blob store, the ones that no declaration refers to: what an interrupted upload left. */
  orphans(kind: "package" | "asset", keys: readonly string[]): Promise<readonly string[]>;
}

export type RuntimeType = "local" | "remote" | "serverless";

export interface NewInstallation {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  /** Why it runs there, in words for its operator. Default: empty. */
  readonly runtimeReason?: string;
  /** `github`, `marketplace`, `package` or `remote`. */
  readonly source: string;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** One plugin installed for one tenant; at most one version per tenant and plugin id. */
export interface InstallationRow extends NewInstallation {
  readonly id: string;
  readonly runtimeReason: string;
  readonly endpointsSetups: number;
  readonly endpointsActive: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface InstallationStore {
  /**
   * Inserts it; the existing row, whatever its version, when the tenant has the plugin id already. Throws `internal`
   * when the declaration is not stored.
   */
  add(installation: NewInstallation): Promise<{ readonly row: InstallationRow; readonly created: boolean }>;
  /** Hot path of every dispatch: reads no declaration. */
  find(tenantId: string, pluginId: string): Promise<InstallationRow | undefined>;
  byId(tenantId: string, id: string): Promise<InstallationRow | undefined>;
  /** Newest first. */
  list(
    tenantId: string,
    page: Page,
  ): Promise<{ readonly rows: readonly InstallationRow[]; readonly total: number }>;
  /** Newest first; plugin ids that are not installed are left out. */
  byPluginIds(tenantId: string, pluginIds: readonly string[]): Promise<readonly InstallationRow[]>;
  /**
   * Points the installation at another version; id, endpoints and counters stay. Undefined: `from` is not installed.
   * Throws `internal` when the declaration of `to` is not stored.
   */
  switchVersion(
    change: SwitchVersion,
  ): Promise<{ readonly row: InstallationRow; readonly lastOfOld: boolean } | undefined>;
  /**
   * Removes it. `last`: no tenant has this identifier any more. Undefined: there was no such row. Where a debugging
   * connection shadows it, what is installed behind goes, and the connection stays; without that, nothing happens.
   */
  remove(
    tenantId: string,
    id: string,
  ): Promise<{ readonly identifier: string; readonly pluginId: string; readonly last: boolean } | undefined>;
  /**
   * Runs it elsewhere from now on; everything else stays, also behind a debugging connection. Undefined: the tenant has not installed this very version.
   */
  switchRuntime(change: SwitchRuntime): Promise<InstallationRow | undefined>;
  /** Is the identifier installed by any tenant; of this runtime type, if one is named? */
  isInstalled(identifier: string, runtimeType?: RuntimeType): Promise<boolean>;
  /** What is installed, also where a debugging connection shadows it; its row then has the same id. */
  installed(tenantId: string, pluginId: string): Promise<InstallationRow | undefined>;
  /**
   * A debugging connection serves this version for the tenant: lists and look-ups show it, as `remote`, in place of what is
   * installed, whose row keeps its id. Throws `internal` when its declaration is not stored.
   */
  shadow(debugged: Pick<NewInstallation, "tenantId" | "pluginId" | "identifier">): Promise<InstallationRow>;
  /** Gives back what was installed, or removes the row where nothing was. Nothing happens where nothing is shadowed. */
  unshadow(tenantId: string, pluginId: string): Promise<void>;
  /** The same for every row, for connections of a daemon that is gone. Answers how many there were. */
  unshadowAll(): Promise<number>;
  /** What runs it; undefined when no tenant has it installed. */
  runtimeTypeOf(identifier: string): Promise<RuntimeType | undefined>;
  /** Identifiers with an installation of this runtime type, the most lately used first. */
  identifiers(
    runtimeType: RuntimeType,
  ): Promise<readonly { readonly identifier: string; readonly lastUsedAt: Date | null }[]>;
  /** Notes that these were used, for `identifiers`. Meant for batches, off the hot path; unknown ones are ignored. */
  touch(identifiers: readonly string[], at: Date): Promise<void>;
}

/** A webhook address of a plugin that a tenant has, or had, installed. */
export interface EndpointRow {
  /** UUID v7. */
  readonly id: string;
  /** What stands in its address, 16 characters of `a-z0-9`; knowing it is all that a caller needs. */
  readonly hookId: string;
  readonly tenantId: string;
  /** Who set it up. */
  readonly userId: string;
  readonly pluginId: string;
  readonly name: string;
  readonly enabled: boolean;
  /** JSON of an object; the secret values as the platform encrypted them. */
  readonly settings: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Every change counts the endpoints of the installation anew, in the same transaction. */
export interface EndpointStore {
  /** Enabled from the start. Undefined when the tenant does not have the plugin any more. */
  add(endpoint: Omit<EndpointRow, "enabled" | "createdAt" | "updatedAt">): Promise<EndpointRow | undefined>;
  /** Hot path of every hook. */
  byHook(hookId: string): Promise<EndpointRow | undefined>;
  byId(tenantId: string, id: string): Promise<EndpointRow | undefined>;
  /** Newest first. */
  list(tenantId: string, page: Page): Promise<readonly EndpointRow[]>;
  listOfPlugin(tenantId: string, pluginId: string, page: Page): Promise<readonly EndpointRow[]>;
  /** False when there is no such endpoint. */
  update(
    tenantId: string,
    id: string,
    change: { readonly name: string; readonly settings: string },
  ): Promise<boolean>;
  /** Whether there is such an endpoint, changed or not. */
  setEnabled(tenantId: string, id: string, enabled: boolean): Promise<boolean>;
  /** The row that was; undefined when there was none. */
  remove(tenantId: string, id: string): Promise<EndpointRow | undefined>;
}

/** An installation with what a search looks at. */
export interface SearchablePlugin extends InstallationRow {
  readonly label: I18n;
  readonly description: I18n;
  readonly tags: readonly string[];
}

/** An installation with a provider that it brings. */
export interface InstalledProvider extends InstallationRow {
  readonly kind: ProviderKind;
  /** Its name within the plugin. */
  readonly provider: string;
  readonly verified: boolean;
  /** `meta` of the plugin's declaration, as JSON. */
  readonly pluginMeta: string;
}

/** The JSON of a stored declaration, to be sent as it is: parsing and writing it again costs more than sending it. */
export interface DeclarationText {
  readonly whole: Uint8Array;
  /** A view of the part that is the provider of this kind. */
  provider(kind: ProviderKind): Uint8Array | undefined;
}

/** Reads for the lists of the API. None of the rows brings its declaration: these are large, and sent one by one. */
export interface CatalogueStore {
  /** All that the tenant has of a category, newest first. */
  plugins(tenantId: string, category: PluginCategory): Promise<readonly SearchablePlugin[]>;
  /** Newest first; all of them without a page. */
  providers(tenantId: string, kind: ProviderKind, page?: Page): Promise<readonly InstalledProvider[]>;
  provider(tenantId: string, pluginId: string, kind: ProviderKind): Promise<InstalledProvider | undefined>;
  /** Remembers what it reads, within bounds. The bytes are shared: never write to them. */
  declaration(identifier: string): Promise<DeclarationText | undefined>;
}

/** Readmes that were taken out of their packages. */
export interface ReadmeStore {
  /** By language. Ignored when the declaration is gone. */
  save(identifier: string, readmes: ReadonlyMap<string, string>): Promise<void>;
  /** In the language, else in the other one, else in any; undefined when none was saved. */
  find(
    identifier: string,
    choice: { readonly language: string; readonly fallback: string },
  ): Promise<{ readonly language: string; readonly content: string } | undefined>;
}

export interface SwitchVersion {
  readonly tenantId: string;
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly meta: Readonly<Record<string, unknown>>;
}

export interface SwitchRuntime {
  readonly tenantId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  readonly runtimeReason: string;
}

export interface Page {
  readonly offset: number;
  readonly limit: number;
}

export type TaskStatus = "pending" | "running" | "success" | "failed";

/** One plugin of an install task, as the API shows it (contract/lifecycle 3.4). */
export interface TaskItem {
  readonly identifier: string;
  readonly pluginId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly icon: string;
  readonly iconDark: string;
  readonly status: TaskStatus;
  readonly message: string;
  readonly source: string;
}

export interface TaskRow {
  readonly id: string;
  readonly tenantId: string;
  readonly status: TaskStatus;
  readonly items: readonly TaskItem[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface TaskStore {
  /**
   * Items are stored as they are given, normally `pending`, an identifier that is named twice once; the status of the
   * task follows from them as in `updateItem`. Answers the id (UUID v7).
   */
  create(task: { readonly tenantId: string; readonly items: readonly TaskItem[] }): Promise<string>;
  get(tenantId: string, id: string): Promise<TaskRow | undefined>;
  /** Newest first. */
  list(tenantId: string, page: Page): Promise<readonly TaskRow[]>;
  /**
   * Changes one item in place and derives the task's status: `failed` as soon as one item failed, `success` when
   * all succeeded, else `running`. Ignored when the task or the item is gone. Messages above 1,024 bytes are cut in the middle.
   */
  updateItem(
    id: string,
    identifier: string,
    change: { readonly status?: TaskStatus; readonly message?: string },
  ): Promise<void>;
  delete(tenantId: string, id: string): Promise<void>;
  deleteAll(tenantId: string): Promise<void>;
  /** Removes the item; the task goes when the rest is all `success` or nothing is left, else its status is derived anew. */
  deleteItem(tenantId: string, id: string, identifier: string): Promise<void>;
  /**
   * Fails every unfinished item with this message, as it belongs to a process that is gone; items that succeeded stay.
   * Answers how many tasks had one.
   */
  failUnfinished(message: string): Promise<number>;
  /** Removes tasks that succeeded before `before`. */
  deleteSucceeded(before: Date): Promise<number>;
}

/** How a session ended; null while it runs. */
export type SessionOutcome =
  | "success"
  | "plugin_error"
  | "client_disconnect"
  | "timeout"
  | "connection_closed"
  | "daemon_error"
  | "daemon_exit";

/** How a call of a plugin back to the platform ended. */
export type CallBackOutcome = "success" | "refused" | "error" | "cancelled";

/** One call back of a session. Times are whole milliseconds since the session began. */
export interface CallBackRow {
  /** `llm`, `storage`, …; `unknown` where the plugin named none that there is. */
  readonly type: string;
  readonly beganMs: number;
  /** The head of the answer; null where none came. */
  readonly firstByteMs: number | null;
  /** Null while it is open, as the outcome. */
  readonly endMs: number | null;
  /** Characters of what the plugin asked, and of what it was answered. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly outcome: CallBackOutcome | null;
}

/** One invocation, for operators: what runs and what ended how. Never holds payloads or credentials. */
export interface SessionRow {
  readonly id: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  /** `tool`, `model`, … */
  readonly type: string;
  /** `invoke_tool`, … */
  readonly action: string;
  readonly startedAt: Date;
  readonly lastActiveAt: Date;
  readonly endedAt: Date | null;
  readonly outcome: SessionOutcome | null;
  readonly items: number;
  readonly bytes: number;
  /** Calls of the plugin back to the platform, and how many of them failed or were refused. */
  readonly callsBack: number;
  readonly failedCallsBack: number;
  /** What a function said of its own effort: milliseconds and MiB; null where it said nothing. */
  readonly functionMs: number | null;
  readonly functionMemoryMb: number | null;
  /** The first of them, in order; there may have been more. */
  readonly callBackTrace: readonly CallBackRow[];
}

export interface SessionStore {
  /**
   * Writes rows in one transaction; a later row of the same id replaces the earlier one. Prunes by itself to the
   * history that the store was opened with, when that is exceeded by a tenth.
   */
  save(rows: readonly SessionRow[]): Promise<void>;
  /** The ones that started last first; ends that are older are gone after `prune`. */
  list(
    filter: { readonly tenantId?: string; readonly pluginId?: string; readonly running?: boolean },
    page: Page,
  ): Promise<readonly SessionRow[]>;
  /** Ends the rows that a process which is gone left open, as `daemon_exit`. */
  closeOpen(at: Date): Promise<number>;
  /** Keeps the `keep` rows that ended last, and all that run. */
  prune(keep: number): Promise<void>;
}

/** Keys with which developers connect their plugins. One for each tenant; all of them end at a time. */
export interface DebugKeyStore {
  /** The tenant's key, from now on good until `expiresAt`; `fresh` becomes it where the tenant has none at `at`. */
  take(
    tenantId: string,
    options: { readonly fresh: string; readonly at: Date; readonly expiresAt: Date },
  ): Promise<string>;
  /** Compared in constant time. Undefined when nobody has this key at `at`. */
  tenantOf(key: string, at: Date): Promise<string | undefined>;
  /** Keys of these tenants that are good at `at` are so until `expiresAt`. */
  renew(
    tenantIds: readonly string[],
    options: { readonly at: Date; readonly expiresAt: Date },
  ): Promise<void>;
}
