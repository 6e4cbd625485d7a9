import { Database as Sqlite } from "bun:sqlite";
import { expect, test } from "bun:test";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import { createDatabase } from "../../../src/store/database.ts";
import { rejection } from "../../support/rejection.ts";

function numbers() {
  const sqlite = new Sqlite(":memory:", { strict: true });
  sqlite.run("CREATE TABLE numbers (n INTEGER NOT NULL PRIMARY KEY) STRICT");
  const database = createDatabase(sqlite, "/data/plugd.db");
  const insert = database.prepare<never, { n: number }>("INSERT INTO numbers (n) VALUES ($n)");
  const all = database.prepare<{ n: number }, Record<string, never>>("SELECT n FROM numbers ORDER BY n");
  return { database, insert, all: () => database.read(() => all.all({}).map((row) => row.n)) };
}

test("write() commits what the work did and answers its result", async () => {
  const { database, insert, all } = numbers();
  expect(
    await database.write(() => {
      insert.run({ n: 1 });
      return "done";
    }),
  ).toBe("done");
  expect(await all()).toEqual([1]);
});

test("write() undoes everything when the work throws, and throws the same", async () => {
  const { database, insert, all } = numbers();
  const failure = new Error("no");
  const written = database.write(() => {
    insert.run({ n: 1 });
    throw failure;
  });
  expect(await rejection(written)).toBe(failure);
  expect(await all()).toEqual([]);
  await database.write(() => void insert.run({ n: 2 }));
  expect(await all()).toEqual([2]);
});

test("write() in a mode of its own leaves the connection as it was opened, also when the work throws", async () => {
  const sqlite = new Sqlite(":memory:", { strict: true });
  sqlite.run("PRAGMA synchronous = FULL");
  const database = createDatabase(sqlite, "/data/plugd.db");
  // The answer is part of the prepared statement.
  const now = () => sqlite.prepare<{ synchronous: number }, []>("PRAGMA synchronous").get()?.synchronous;
  expect(await database.write(now, { mode: "normal" })).toBe(1);
  expect(await database.write(now)).toBe(2);
  await rejection(
    database.write(
      () => {
        throw new Error("no");
      },
      { mode: "normal" },
    ),
  );
  expect(await database.write(now)).toBe(2);
});

test("write() turns an error of SQLite into one that names the file", async () => {
  const { database, insert, all } = numbers();
  const written = database.write(() => {
    insert.run({ n: 1 });
    insert.run({ n: 1 });
  });
  const error = await written.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DaemonError);
  expect(error).toMatchObject({
    code: "internal",
    message: 'Cannot write "/data/plugd.db": UNIQUE constraint failed: numbers.n',
  });
  expect(await all()).toEqual([]);
});

test("write() and read() refuse asynchronous work at compile time", () => {
  const { database, insert } = numbers();
  const refused = () => [
    // @ts-expect-error -- the transaction would be over before the work is
    database.write(async () => {
      await Promise.resolve();
      insert.run({ n: 1 });
    }),
    // @ts-expect-error -- the same
    database.read(() => Promise.resolve(1)),
  ];
  expect(refused).toBeFunction();
});

test("close() may be called twice, and what comes later says so", async () => {
  const { database, insert } = numbers();
  database.close();
  database.close();
  expect(await rejection(database.write(() => void insert.run({ n: 1 })))).toHaveProperty(
    "message",
    expect.stringContaining('Cannot write "/data/plugd.db": it is closed'),
  );
});
