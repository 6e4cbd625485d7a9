import type { Database as Sqlite } from "bun:sqlite";
import { DaemonError } from "../protocol/daemon-error.ts";
import initial from "./migrations/0001_initial.sql" with { type: "text" };
import catalogue from "./migrations/0002_catalogue.sql" with { type: "text" };
import pluginStorage from "./migrations/0003_plugin_storage.sql" with { type: "text" };
import endpoints from "./migrations/0004_endpoints.sql" with { type: "text" };
import callsBack from "./migrations/0005_calls_back.sql" with { type: "text" };
import callBackTrace from "./migrations/0006_call_back_trace.sql" with { type: "text" };
import debugging from "./migrations/0007_debugging.sql" with { type: "text" };
import serverless from "./migrations/0008_serverless.sql" with { type: "text" };

/** In order; the number of a migration is its place, counted from 1. Append only: a released one never changes. */
export const MIGRATIONS: readonly string[] = [
  initial,
  catalogue,
  pluginStorage,
  endpoints,
  callsBack,
  callBackTrace,
  debugging,
  serverless,
];

/**
 * Brings the schema to the newest version, each migration in a transaction of its own together with its number in
 * `PRAGMA user_version`. Refuses a schema that is newer than this program.
 */
export function migrate(
  sqlite: Sqlite,
  options: { readonly path: string; readonly migrations: readonly string[] },
): void {
  const { path, migrations } = options;
  const version = schemaVersion(sqlite);
  if (version > migrations.length)
    throw new DaemonError(
      "startup",
      `Cannot open "${path}": its schema has version ${version}, this plugd knows versions up to ${migrations.length}`,
      {
        hint: "A newer plugd has written it: start that one again, or restore the data folder from before the upgrade",
      },
    );
  migrations.slice(version).forEach((sql, index) => {
    sqlite
      .transaction(() => {
        sqlite.run(sql);
        sqlite.run(`PRAGMA user_version = ${version + index + 1}`);
      })
      .immediate();
  });
}

function schemaVersion(sqlite: Sqlite): number {
  const row = sqlite.prepare<{ user_version: number }, []>("PRAGMA user_version").get();
  return row?.user_version ?? 0;
}
