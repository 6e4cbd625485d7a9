import { ignored } from "../setting.ts";

/** lifecycle.md 10.10. There is no Redis here. */
export const redisSettings = {
  REDIS_HOST: ignored("Redis"),
  REDIS_PORT: ignored("Redis"),
  REDIS_USERNAME: ignored("Redis"),
  REDIS_PASSWORD: ignored("Redis", { secret: true }),
  REDIS_DB: ignored("Redis"),
  REDIS_KEY_PREFIX: ignored("Redis"),
  REDIS_USE_SSL: ignored("Redis"),
  REDIS_SSL_CERT_REQS: ignored("Redis"),
  REDIS_SSL_CA_CERTS: ignored("Redis"),
  REDIS_USE_AZURE_MANAGED_IDENTITY: ignored("Redis"),
  REDIS_USE_SENTINEL: ignored("Redis"),
  REDIS_SENTINELS: ignored("Redis"),
  REDIS_SENTINEL_SERVICE_NAME: ignored("Redis"),
  REDIS_SENTINEL_USERNAME: ignored("Redis"),
  REDIS_SENTINEL_PASSWORD: ignored("Redis", { secret: true }),
  REDIS_SENTINEL_SOCKET_TIMEOUT: ignored("Redis"),
};
