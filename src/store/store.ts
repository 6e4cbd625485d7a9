import type { PluginCategory, PluginDeclaration, Verification } from "../protocol/declaration.ts";

/**
 * What services see of the database. Every method is one whole transaction and returns a promise, so that
 * SQLite and Postgres can both stand behind it.
 */
export interface Store {
  readonly declarations: DeclarationStore;
  readonly installations: InstallationStore;
  readonly tasks: TaskStore;
  readonly sessions: SessionStore;
  /** Idempotent. Writes what is pending, then closes the file and gives the folder free. */
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
  /** Inserts it if absent; an existing row keeps its declaration and gets no second set of references. */
  save(row: Omit<DeclarationRow, "createdAt">): Promise<void>;
  get(identifier: string): Promise<DeclarationRow | undefined>;
  /** Identifiers of uploads that no installation refers to and that are older than `before`. */
  unreferenced(before: Date): Promise<readonly string[]>;
  /**
   * Removes a declaration unless an installation or a running task refers to it.
   * Answers the asset ids that nothing refers to any more, or undefined when it was kept.
   */
  removeIfUnreferenced(identifier: string): Promise<readonly string[] | undefined>;
}

export type RuntimeType = "local" | "remote" | "serverless";

/** One plugin installed for one tenant; at most one version per tenant and plugin id. */
export interface InstallationRow {
  readonly id: string;
  readonly tenantId: string;
  readonly pluginId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  /** `github`, `marketplace`, `package` or `remote`. */
  readonly source: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly endpointsSetups: number;
  readonly endpointsActive: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An installation with what its lists show. */
export interface InstalledPlugin extends InstallationRow {
  readonly declaration: PluginDeclaration;
}

export interface NewInstallation {
  readonly tenantId: string;
  readonly pluginId: string;
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  readonly source: string;
  readonly meta: Readonly<Record<string, unknown>>;
}

export interface InstallationStore {
  /** Inserts it; the existing row, whatever its version, when the tenant has the plugin id already. */
  add(installation: NewInstallation): Promise<{ readonly row: InstallationRow; readonly created: boolean }>;
  /** Hot path of every dispatch: reads no declaration. */
  find(tenantId: string, pluginId: string): Promise<InstallationRow | undefined>;
  byId(tenantId: string, id: string): Promise<InstallationRow | undefined>;
  /** Newest first. */
  list(
    tenantId: string,
    page: Page,
  ): Promise<{ readonly rows: readonly InstalledPlugin[]; readonly total: number }>;
  byPluginIds(tenantId: string, pluginIds: readonly string[]): Promise<readonly InstalledPlugin[]>;
  /** Points the installation at another version; id, endpoints and counters stay. Undefined: `from` is not installed. */
  switchVersion(
    change: SwitchVersion,
  ): Promise<{ readonly row: InstallationRow; readonly lastOfOld: boolean } | undefined>;
  /** Removes it. `last`: no tenant has this identifier any more. Undefined: there was no such row. */
  remove(
    tenantId: string,
    id: string,
  ): Promise<{ readonly identifier: string; readonly pluginId: string; readonly last: boolean } | undefined>;
  /** Is the identifier installed by any tenant? */
  isInstalled(identifier: string): Promise<boolean>;
  /** Identifiers with an installation of this runtime type, the most lately used first. */
  identifiers(
    runtimeType: RuntimeType,
  ): Promise<readonly { readonly identifier: string; readonly lastUsedAt: Date | null }[]>;
}

export interface SwitchVersion {
  readonly tenantId: string;
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly meta: Readonly<Record<string, unknown>>;
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
  /** The task starts `running`, its items `pending`. Answers the id (UUID v7). */
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
  /** Removes the item; the task goes when the rest is all `success` or nothing is left. */
  deleteItem(tenantId: string, id: string, identifier: string): Promise<void>;
  /** Ends every task that is not finished, with this message: they belong to a process that is gone. Answers how many. */
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
}

export interface SessionStore {
  /** Writes rows in one transaction; a later row of the same id replaces the earlier one. */
  save(rows: readonly SessionRow[]): Promise<void>;
  /** Newest first; ends that are older are gone after `prune`. */
  list(
    filter: { readonly tenantId?: string; readonly pluginId?: string; readonly running?: boolean },
    page: Page,
  ): Promise<readonly SessionRow[]>;
  /** Ends the rows that a process which is gone left open, as `daemon_exit`. */
  closeOpen(at: Date): Promise<number>;
  /** Keeps the newest `keep` ended rows. */
  prune(keep: number): Promise<void>;
}
