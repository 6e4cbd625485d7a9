import { decodeCallBacks, encodeCallBacks } from "./call-back-trace.ts";
import type { Database } from "./database.ts";
import type { RuntimeType, SessionOutcome, SessionRow, SessionStore } from "./store.ts";

interface Row {
  readonly id: string;
  readonly tenant_id: string;
  readonly plugin_id: string;
  readonly identifier: string;
  readonly runtime_type: RuntimeType;
  readonly type: string;
  readonly action: string;
  readonly started_at: number;
  readonly last_active_at: number;
  readonly ended_at: number | null;
  readonly outcome: SessionOutcome | null;
  readonly items: number;
  readonly bytes: number;
  readonly calls_back: number;
  readonly failed_calls_back: number;
  readonly call_back_trace: string | null;
  readonly function_ms: number | null;
  readonly function_memory_mb: number | null;
}

/** Part of the history by which the table may outgrow it between two rounds of pruning. */
const SLACK = 0.1;

export function createSessionStore(
  database: Database,
  { history }: { readonly history: number },
): SessionStore {
  const upsert = database.prepare<never>(
    `INSERT INTO sessions
       (id, tenant_id, plugin_id, identifier, runtime_type, type, action,
        started_at, last_active_at, ended_at, outcome, items, bytes, calls_back, failed_calls_back,
        call_back_trace, function_ms, function_memory_mb)
     VALUES
       ($id, $tenantId, $pluginId, $identifier, $runtimeType, $type, $action,
        $startedAt, $lastActiveAt, $endedAt, $outcome, $items, $bytes, $callsBack, $failedCallsBack,
        $callBackTrace, $functionMs, $functionMemoryMb)
     ON CONFLICT (id) DO UPDATE SET
       tenant_id = excluded.tenant_id, plugin_id = excluded.plugin_id, identifier = excluded.identifier,
       runtime_type = excluded.runtime_type, type = excluded.type, action = excluded.action,
       started_at = excluded.started_at, last_active_at = excluded.last_active_at,
       ended_at = excluded.ended_at, outcome = excluded.outcome,
       items = excluded.items, bytes = excluded.bytes,
       calls_back = excluded.calls_back, failed_calls_back = excluded.failed_calls_back,
       call_back_trace = excluded.call_back_trace,
       function_ms = excluded.function_ms, function_memory_mb = excluded.function_memory_mb`,
  );
  const page = database.prepare<Row>(
    `SELECT * FROM sessions
     WHERE ($tenantId IS NULL OR tenant_id = $tenantId)
       AND ($pluginId IS NULL OR plugin_id = $pluginId)
       AND ($running IS NULL OR (ended_at IS NULL) = $running)
     ORDER BY started_at DESC, id DESC LIMIT $limit OFFSET $offset`,
  );
  const end = database.prepare<never, { at: number }>(
    `UPDATE sessions SET ended_at = max($at, last_active_at), outcome = 'daemon_exit'
     WHERE ended_at IS NULL`,
  );
  const prune = database.prepare<never, { keep: number }>(
    `DELETE FROM sessions WHERE rowid IN (
       SELECT rowid FROM sessions WHERE ended_at IS NOT NULL
       ORDER BY ended_at DESC, rowid DESC LIMIT -1 OFFSET $keep
     )`,
  );
  // What an earlier process left is unknown: the first save looks.
  let endedSincePrune = Number.POSITIVE_INFINITY;

  return {
    save: (rows) =>
      database.write(() => {
        for (const row of rows) upsert.run(toBindings(row));
        endedSincePrune += rows.reduce((ended, row) => ended + (row.endedAt ? 1 : 0), 0);
        if (endedSincePrune <= history * SLACK) return;
        prune.run({ keep: history });
        endedSincePrune = 0;
      }),
    list: (filter, { offset, limit }) =>
      database.read(() =>
        page
          .all({
            tenantId: filter.tenantId ?? null,
            pluginId: filter.pluginId ?? null,
            running: filter.running === undefined ? null : Number(filter.running),
            limit,
            offset,
          })
          .map(toSessionRow),
      ),
    closeOpen: (at) => database.write(() => end.run({ at: at.getTime() }).changes),
    prune: (keep) => database.write(() => void prune.run({ keep })),
  };
}

function toBindings(row: SessionRow) {
  return {
    id: row.id,
    tenantId: row.tenantId,
    pluginId: row.pluginId,
    identifier: row.identifier,
    runtimeType: row.runtimeType,
    type: row.type,
    action: row.action,
    startedAt: row.startedAt.getTime(),
    lastActiveAt: row.lastActiveAt.getTime(),
    endedAt: row.endedAt?.getTime() ?? null,
    outcome: row.outcome,
    items: row.items,
    bytes: row.bytes,
    callsBack: row.callsBack,
    failedCallsBack: row.failedCallsBack,
    callBackTrace: encodeCallBacks(row.callBackTrace),
    functionMs: row.functionMs,
    functionMemoryMb: row.functionMemoryMb,
  };
}

function toSessionRow(row: Row): SessionRow {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    pluginId: row.plugin_id,
    identifier: row.identifier,
    runtimeType: row.runtime_type,
    type: row.type,
    action: row.action,
    startedAt: new Date(row.started_at),
    lastActiveAt: new Date(row.last_active_at),
    endedAt: row.ended_at === null ? null : new Date(row.ended_at),
    outcome: row.outcome,
    items: row.items,
    bytes: row.bytes,
    callsBack: row.calls_back,
    failedCallsBack: row.failed_calls_back,
    callBackTrace: decodeCallBacks(row.call_back_trace),
    functionMs: row.function_ms,
    functionMemoryMb: row.function_memory_mb,
  };
}
