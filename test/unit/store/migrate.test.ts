import { Database as Sqlite } from "bun:sqlite";
import { expect, test } from "bun:test";
import { MIGRATIONS, migrate } from "../../../src/store/migrate.ts";

const first = "CREATE TABLE a (n INTEGER) STRICT; INSERT INTO a VALUES (1);";
const second = "ALTER TABLE a ADD COLUMN m INTEGER; UPDATE a SET m = n + 1;";

function versionOf(sqlite: Sqlite): number | undefined {
  return sqlite.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version;
}

test("migrate() runs what is missing, once each, and notes the version", () => {
  const sqlite = new Sqlite(":memory:");
  migrate(sqlite, { path: "x.db", migrations: [first] });
  expect(versionOf(sqlite)).toBe(1);
  migrate(sqlite, { path: "x.db", migrations: [first, second] });
  migrate(sqlite, { path: "x.db", migrations: [first, second] });
  expect(versionOf(sqlite)).toBe(2);
  expect(sqlite.query<{ n: number; m: number }, []>("SELECT * FROM a").all()).toEqual([{ n: 1, m: 2 }]);
});

test("migrate() undoes a migration that fails half-way and keeps the ones before", () => {
  const sqlite = new Sqlite(":memory:");
  const broken = "CREATE TABLE b (n INTEGER) STRICT; INSERT INTO nowhere VALUES (1);";
  expect(() => migrate(sqlite, { path: "x.db", migrations: [first, broken] })).toThrow("nowhere");
  expect(versionOf(sqlite)).toBe(1);
  expect(sqlite.query("SELECT name FROM sqlite_schema").values()).toEqual([["a"]]);
});

test("migrate() refuses a schema that is newer, naming both versions and what to do", () => {
  const sqlite = new Sqlite(":memory:");
  sqlite.run("PRAGMA user_version = 7");
  const attempt = () => migrate(sqlite, { path: "/data/plugd.db", migrations: [first, second] });
  expect(attempt).toThrow(
    expect.objectContaining({
      code: "startup",
      message: 'Cannot open "/data/plugd.db": its schema has version 7, this plugd knows versions up to 2',
      hint: expect.stringContaining("newer plugd"),
    }),
  );
  expect(versionOf(sqlite)).toBe(7);
});

test("MIGRATIONS makes STRICT tables only", () => {
  const sqlite = new Sqlite(":memory:");
  migrate(sqlite, { path: "x.db", migrations: MIGRATIONS });
  const tables = sqlite
    .query<{ name: string; strict: number }, []>(
      "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'",
    )
    .all();
  expect(tables.length).toBeGreaterThan(0);
  expect(tables.filter((table) => table.strict !== 1)).toEqual([]);
});
