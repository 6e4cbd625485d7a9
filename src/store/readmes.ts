import type { Database } from "./database.ts";
import type { ReadmeStore } from "./store.ts";

export function createReadmeStore(database: Database): ReadmeStore {
  const insert = database.prepare<never>(
    `INSERT INTO readmes (identifier, language, content)
     SELECT $identifier, $language, $content
     WHERE EXISTS (SELECT 1 FROM declarations WHERE identifier = $identifier)
     ON CONFLICT DO NOTHING`,
  );
  const find = database.prepare<
    { language: string; content: string },
    { identifier: string; language: string; fallback: string }
  >(
    `SELECT language, content FROM readmes WHERE identifier = $identifier
     ORDER BY language = $language DESC, language = $fallback DESC, language LIMIT 1`,
  );
  return {
    save: (identifier, readmes) =>
      database.write(() => {
        for (const [language, content] of readmes) insert.run({ identifier, language, content });
      }),
    find: (identifier, choice) => database.read(() => find.get({ identifier, ...choice }) ?? undefined),
  };
}
