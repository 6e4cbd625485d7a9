import { ignored } from "../setting.ts";

/** lifecycle.md 10.9. The state of this daemon is in its data folder. */
export const databaseSettings = {
  DB_TYPE: ignored("Database"),
  DB_USERNAME: ignored("Database"),
  DB_PASSWORD: ignored("Database", { secret: true }),
  DB_HOST: ignored("Database"),
  DB_PORT: ignored("Database"),
  DB_DATABASE: ignored("Database"),
  DB_DEFAULT_DATABASE: ignored("Database"),
  DB_SSL_MODE: ignored("Database"),
  DB_MAX_IDLE_CONNS: ignored("Database"),
  DB_MAX_OPEN_CONNS: ignored("Database"),
  DB_CONN_MAX_LIFETIME: ignored("Database"),
  DB_EXTRAS: ignored("Database"),
  DB_CHARSET: ignored("Database"),
  DB_GORM_LOG_LEVEL: ignored("Database"),
  DB_CONNECT_TIMEOUT: ignored("Database"),
  DB_READ_TIMEOUT: ignored("Database"),
  DB_WRITE_TIMEOUT: ignored("Database"),
};
