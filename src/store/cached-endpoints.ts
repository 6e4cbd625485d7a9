import type { EndpointRow, EndpointStore } from "./store.ts";

/** Rows that are remembered; beyond it everything is forgotten and read again. */
const MAX_ROWS = 10_000;

/**
 * Remembers the rows that `byHook` answers. Right while this process is the only one that writes, as it is with SQLite.
 * Any change forgets all; that there is no such hook is never remembered, so that strangers cannot fill the memory.
 */
export function cacheEndpoints(inner: EndpointStore): EndpointStore {
  const rows = new Map<string, EndpointRow>();
  let changes = 0;

  async function changing<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      changes++;
      rows.clear();
    }
  }

  return {
    ...inner,
    async byHook(hookId) {
      const known = rows.get(hookId);
      if (known) return known;
      const before = changes;
      const row = await inner.byHook(hookId);
      if (row && changes === before) {
        if (rows.size >= MAX_ROWS) rows.clear();
        rows.set(hookId, row);
      }
      return row;
    },
    update: (tenantId, id, change) => changing(inner.update(tenantId, id, change)),
    setEnabled: (tenantId, id, enabled) => changing(inner.setEnabled(tenantId, id, enabled)),
    remove: (tenantId, id) => changing(inner.remove(tenantId, id)),
  };
}
