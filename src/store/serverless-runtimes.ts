import type { Database } from "./database.ts";
import type { ServerlessRuntimeRow, ServerlessRuntimeStore } from "./serverless-runtime.ts";

interface Row {
  readonly identifier: string;
  readonly function_url: string;
  readonly function_name: string;
  readonly protocol: "sdk" | "plain";
  readonly signature_secret: string | null;
  readonly checksum: string;
  readonly created_at: number;
  readonly updated_at: number;
}

export function createServerlessRuntimeStore(
  database: Database,
  { now }: { readonly now: () => Date },
): ServerlessRuntimeStore {
  const find = database.prepare<Row, { identifier: string }>(
    "SELECT * FROM serverless_runtimes WHERE identifier = $identifier",
  );
  const upsert = database.prepare<never>(
    `INSERT INTO serverless_runtimes
       (identifier, function_url, function_name, protocol, signature_secret, checksum, created_at, updated_at)
     VALUES ($identifier, $functionUrl, $functionName, $protocol, $signatureSecret, $checksum, $at, $at)
     ON CONFLICT (identifier) DO UPDATE SET
       function_url = $functionUrl, function_name = $functionName, protocol = $protocol,
       signature_secret = $signatureSecret, checksum = $checksum, updated_at = $at`,
  );
  const remove = database.prepare<never, { identifier: string }>(
    "DELETE FROM serverless_runtimes WHERE identifier = $identifier",
  );
  return {
    find: (identifier) =>
      database.read(() => {
        const row = find.get({ identifier });
        return row ? toRuntime(row) : undefined;
      }),
    save: (row) => database.write(() => void upsert.run({ ...row, at: now().getTime() })),
    remove: (identifier) => database.write(() => void remove.run({ identifier })),
  };
}

function toRuntime(row: Row): ServerlessRuntimeRow {
  return {
    identifier: row.identifier,
    functionUrl: row.function_url,
    functionName: row.function_name,
    protocol: row.protocol,
    signatureSecret: row.signature_secret,
    checksum: row.checksum,
  };
}
