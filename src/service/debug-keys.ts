import type { DebugKeyStore } from "../store/store.ts";

/** Keys with which developers connect their plugins (contract/http-api 3.7, contract/plugin-wire 2.2). */
export interface DebugKeys {
  /** The same one while it is good, which every request and every use prolongs. */
  keyOf(tenantId: string): Promise<string>;
  /** Undefined when nobody has this key. A key that is used stays good. */
  tenantOf(key: string): Promise<string | undefined>;
  /** Keys of these tenants are in use. */
  renew(tenantIds: readonly string[]): Promise<void>;
}

export interface DebugKeysDeps {
  readonly keys: DebugKeyStore;
  readonly now: () => Date;
}

const LIFETIME_MS = 120 * 60_000;

export function createDebugKeys({ keys, now }: DebugKeysDeps): DebugKeys {
  function lifetime() {
    const at = now();
    return { at, expiresAt: new Date(at.getTime() + LIFETIME_MS) };
  }
  return {
    keyOf: (tenantId) => keys.take(tenantId, { fresh: crypto.randomUUID(), ...lifetime() }),
    async tenantOf(key) {
      const tenantId = await keys.tenantOf(key, now());
      if (tenantId !== undefined) await keys.renew([tenantId], lifetime());
      return tenantId;
    },
    renew: (tenantIds) => keys.renew(tenantIds, lifetime()),
  };
}
