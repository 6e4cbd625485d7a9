import { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";
import type { AnySetting, Setting } from "./setting.ts";
import { connectorSettings } from "./settings/connector.ts";
import { databaseSettings } from "./settings/database.ts";
import { debugSettings } from "./settings/debug.ts";
import { difySettings } from "./settings/dify.ts";
import { localRuntimeSettings } from "./settings/local-runtime.ts";
import { objectStorageSettings } from "./settings/object-storage.ts";
import { observabilitySettings } from "./settings/observability.ts";
import { plugdSettings } from "./settings/plugd.ts";
import { redisSettings } from "./settings/redis.ts";
import { serverSettings } from "./settings/server.ts";
import { serverlessSettings } from "./settings/serverless.ts";
import { signatureSettings } from "./settings/signatures.ts";
import { storageSettings } from "./settings/storage.ts";

const SETTINGS = {
  ...serverSettings,
  ...difySettings,
  ...plugdSettings,
  ...storageSettings,
  ...signatureSettings,
  ...localRuntimeSettings,
  ...debugSettings,
  ...serverlessSettings,
  ...connectorSettings,
  ...observabilitySettings,
  ...databaseSettings,
  ...redisSettings,
  ...objectStorageSettings,
};

export interface SettingGroup {
  readonly title: string;
  readonly settings: Readonly<Record<string, AnySetting>>;
}

/** All variables, in the order of the documents. */
export const SETTING_GROUPS: readonly SettingGroup[] = [
  { title: "Server", settings: serverSettings },
  { title: "Dify", settings: difySettings },
  { title: "This daemon's own", settings: plugdSettings },
  { title: "Storage", settings: storageSettings },
  { title: "Signatures", settings: signatureSettings },
  { title: "Plugins on this machine", settings: localRuntimeSettings },
  { title: "Debugging", settings: debugSettings },
  { title: "Serverless", settings: serverlessSettings },
  { title: "The connector (plugd connector)", settings: connectorSettings },
  { title: "Logs and metrics", settings: observabilitySettings },
  { title: "Database", settings: databaseSettings },
  { title: "Redis", settings: redisSettings },
  { title: "Cloud storage", settings: objectStorageSettings },
];

type Schemas<T extends Readonly<Record<string, AnySetting>>> = {
  [K in keyof T as T[K] extends Setting ? K : never]: T[K] extends Setting<infer S extends TSchema>
    ? S
    : never;
};

/**
 * The schema of everything that has an effect, by the names of the variables. Ignored variables are not in it: what
 * does nothing cannot be read.
 */
export const ConfigSchema = Type.Object(
  // `Object.fromEntries` forgets which key has which schema; the line above computes the same from the same settings.
  Object.fromEntries(
    Object.entries<AnySetting>(SETTINGS).flatMap(([name, setting]) =>
      setting.kind === "setting" ? [[name, setting.schema] as const] : [],
    ),
  ) as Schemas<typeof SETTINGS>,
) satisfies TObject;

/** The daemon's settings, frozen. Keys are the names of the environment variables. */
export type Config = Readonly<Static<typeof ConfigSchema>>;
