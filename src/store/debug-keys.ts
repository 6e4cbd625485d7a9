import { timingSafeEqual } from "node:crypto";
import type { Database } from "./database.ts";
import type { DebugKeyStore } from "./store.ts";

interface KeyRecord {
  readonly tenant_id: string;
  readonly key: string;
  readonly expires_at: number;
}

export function createDebugKeyStore(database: Database): DebugKeyStore {
  const ofTenant = database.prepare<KeyRecord, { tenantId: string; at: number }>(
    "SELECT * FROM debug_keys WHERE tenant_id = $tenantId AND expires_at > $at",
  );
  const byHash = database.prepare<KeyRecord, { hash: string; at: number }>(
    "SELECT * FROM debug_keys WHERE key_hash = $hash AND expires_at > $at",
  );
  const put = database.prepare<never>(
    `INSERT INTO debug_keys (tenant_id, key, key_hash, expires_at) VALUES ($tenantId, $key, $hash, $expiresAt)
     ON CONFLICT (tenant_id) DO UPDATE
     SET key = excluded.key, key_hash = excluded.key_hash, expires_at = excluded.expires_at`,
  );
  const renew = database.prepare<never, { tenantId: string; at: number; expiresAt: number }>(
    "UPDATE debug_keys SET expires_at = $expiresAt WHERE tenant_id = $tenantId AND expires_at > $at",
  );
  const removeOld = database.prepare<never, { at: number }>("DELETE FROM debug_keys WHERE expires_at <= $at");

  return {
    take: (tenantId, { fresh, at, expiresAt }) =>
      database.write(() => {
        removeOld.run({ at: at.getTime() });
        const key = ofTenant.get({ tenantId, at: at.getTime() })?.key ?? fresh;
        put.run({ tenantId, key, hash: hashOf(key), expiresAt: expiresAt.getTime() });
        return key;
      }),
    tenantOf: (key, at) =>
      database.read(() => {
        const record = byHash.get({ hash: hashOf(key), at: at.getTime() });
        return record && isSame(record.key, key) ? record.tenant_id : undefined;
      }),
    renew: (tenantIds, { at, expiresAt }) =>
      database.write(() => {
        for (const tenantId of tenantIds)
          renew.run({ tenantId, at: at.getTime(), expiresAt: expiresAt.getTime() });
      }),
  };
}

function hashOf(key: string): string {
  return new Bun.CryptoHasher("sha256").update(key).digest("hex");
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
