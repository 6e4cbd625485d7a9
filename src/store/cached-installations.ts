import type { InstallationRow, InstallationStore } from "./store.ts";

/** Rows that are remembered; beyond it everything is forgotten and read again. */
const MAX_ROWS = 10_000;

/**
 * Remembers the rows that `find` answers, for every call of a plugin begins with one.
 *
 * Right while this process is the only one that writes, as it is with SQLite. Any change forgets all; that nothing was
 * found is never remembered.
 */
export function cacheInstallations(
  inner: InstallationStore,
): InstallationStore & { /** Something else changed rows. */ forget(): void } {
  const rows = new Map<string, InstallationRow>();
  let changes = 0;

  async function changing<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      forget();
    }
  }

  function forget(): void {
    changes++;
    rows.clear();
  }

  return {
    ...inner,
    forget,
    async find(tenantId, pluginId) {
      const key = `${tenantId}\n${pluginId}`;
      const known = rows.get(key);
      if (known) return known;
      const before = changes;
      const row = await inner.find(tenantId, pluginId);
      if (row && changes === before) {
        if (rows.size >= MAX_ROWS) rows.clear();
        rows.set(key, row);
      }
      return row;
    },
    add: (installation) => changing(inner.add(installation)),
    switchVersion: (change) => changing(inner.switchVersion(change)),
    switchRuntime: (change) => changing(inner.switchRuntime(change)),
    remove: (tenantId, id) => changing(inner.remove(tenantId, id)),
    shadow: (debugged) => changing(inner.shadow(debugged)),
    unshadow: (tenantId, pluginId) => changing(inner.unshadow(tenantId, pluginId)),
    unshadowAll: () => changing(inner.unshadowAll()),
  };
}
