import type { ValueScope, ValueStore } from "../blob/value-store.ts";
import type { Logger } from "../lib/logger.ts";
import type { PluginStorageStore } from "../store/plugin-storage.ts";
import type { PendingChanges } from "./plugin-storage-changes.ts";

/** How much a plugin keeps for a tenant. */
export interface StorageAccount {
  bytes: number;
  /** What calls that are under way will add to it. */
  reservedBytes: number;
}

export interface StorageAccounts {
  /** Runs `work` with the plugin's account, which nobody counts anew meanwhile. */
  use<T>(scope: ValueScope, work: (account: StorageAccount) => Promise<T>): Promise<T>;
  /** Writes down how much it is now. */
  note(scope: ValueScope): Promise<void>;
}

export interface StorageAccountsDeps {
  readonly store: PluginStorageStore;
  readonly files: Pick<ValueStore, "size" | "total">;
  readonly changes: Pick<PendingChanges, "of" | "still">;
  readonly log: Logger;
}

interface Entry {
  readonly account: Promise<StorageAccount>;
  users: number;
}

/** Accounts that are kept; one that is dropped is counted anew when its plugin stores something. */
const MAX_ACCOUNTS = 10_000;

/**
 * Every account is counted once from what is there, when it is first used: files that an operator has moved here count,
 * and those that were removed by hand do not. From then on it is changed together with the values.
 */
export function createStorageAccounts(deps: StorageAccountsDeps): StorageAccounts {
  const { store, files, changes, log } = deps;
  const accounts = new Map<string, Entry>();

  async function count(scope: ValueScope): Promise<StorageAccount> {
    const bytes = await changes.still(scope, async () => {
      let total = await files.total(scope);
      for (const { key, content } of changes.of(scope)) {
        total -= (await files.size({ ...scope, key })) ?? 0;
        if (content.kind !== "deleted")
          total += content.kind === "bytes" ? content.value.length : content.bytes;
      }
      return total;
    });
    const noted = (await store.bytes(scope)) ?? 0;
    if (noted !== bytes)
      log.info("What a plugin has stored was counted anew", {
        tenant_id: scope.tenantId,
        plugin_id: scope.pluginId,
        bytes,
        bytes_before: noted,
      });
    return { bytes, reservedBytes: 0 };
  }

  function open(scope: ValueScope): { readonly id: string; readonly entry: Entry } {
    const id = JSON.stringify([scope.tenantId, scope.pluginId]);
    const known = accounts.get(id);
    if (known) return { id, entry: known };
    for (const [other, { users }] of accounts) {
      if (accounts.size < MAX_ACCOUNTS) break;
      if (users === 0) accounts.delete(other);
    }
    const entry = { account: count(scope), users: 0 };
    accounts.set(id, entry);
    return { id, entry };
  }

  async function use<T>(scope: ValueScope, work: (account: StorageAccount) => Promise<T>): Promise<T> {
    const { id, entry } = open(scope);
    entry.users++;
    try {
      let account: StorageAccount;
      try {
        account = await entry.account;
      } catch (error) {
        // One that could not be counted must not stay.
        if (accounts.get(id) === entry) accounts.delete(id);
        throw error;
      }
      return await work(account);
    } finally {
      entry.users--;
    }
  }

  return {
    use,
    note: (scope) => use(scope, ({ bytes }) => store.setBytes(scope, bytes)),
  };
}
