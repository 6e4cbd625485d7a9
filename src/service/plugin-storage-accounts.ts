import type { ValueScope, ValueStore } from "../blob/value-store.ts";
import type { Logger } from "../lib/logger.ts";
import type { PluginStorageStore } from "../store/store.ts";
import type { PendingChanges } from "./plugin-storage-changes.ts";

/** How much a plugin keeps for a tenant, and what calls that are under way will add to it. */
export interface StorageAccount {
  bytes: number;
}

export interface StorageAccounts {
  /** Runs `work` with the plugin's account, which nobody counts anew meanwhile. */
  use<T>(scope: ValueScope, work: (account: StorageAccount) => Promise<T>): Promise<T>;
}

export interface StorageAccountsDeps {
  readonly store: Pick<PluginStorageStore, "bytes" | "setBytes">;
  readonly files: Pick<ValueStore, "size" | "total">;
  readonly changes: Pick<PendingChanges, "of" | "still">;
  readonly log: Logger;
}

/** Accounts that are kept; one that is dropped is counted anew when its plugin stores something. */
const MAX_ACCOUNTS = 10_000;

/**
 * Every account is counted once from what is there, when it is first used: files that an operator has moved here count,
 * and those that were removed by hand do not. From then on it is changed together with the values.
 */
export function createStorageAccounts(deps: StorageAccountsDeps): StorageAccounts {
  const { store, files, changes, log } = deps;
  const accounts = new Map<string, { readonly account: Promise<StorageAccount>; users: number }>();

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
    const noted = await store.bytes(scope);
    if (noted !== bytes) {
      if (noted !== undefined)
        log.info("Files of a plugin's storage were added or removed by hand; they were counted anew", {
          tenant_id: scope.tenantId,
          plugin_id: scope.pluginId,
          bytes,
          bytes_before: noted,
        });
      if (noted !== undefined || bytes > 0) await store.setBytes(scope, bytes);
    }
    return { bytes };
  }

  function makeRoom(): void {
    for (const [id, { users }] of accounts) {
      if (accounts.size < MAX_ACCOUNTS) return;
      if (users === 0) accounts.delete(id);
    }
  }

  return {
    async use(scope, work) {
      const id = JSON.stringify([scope.tenantId, scope.pluginId]);
      let entry = accounts.get(id);
      if (!entry) {
        makeRoom();
        entry = { account: count(scope), users: 0 };
        accounts.set(id, entry);
      }
      entry.users++;
      try {
        return await work(await entry.account);
      } catch (error) {
        // One that could not be counted must not stay.
        await entry.account.catch(() => accounts.delete(id));
        throw error;
      } finally {
        entry.users--;
      }
    },
  };
}
