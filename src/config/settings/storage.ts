import { choice, ignored, integer, optionalText, text } from "../setting.ts";

/** lifecycle.md 10.4. */
export const storageSettings = {
  PLUGIN_STORAGE_TYPE: choice({
    meaning: "Where packages and assets are kept",
    default: "local",
    spellings: { local: "local", local_file: "local" },
    allowed: '"local": this release stores on local disk and on no cloud storage',
  }),
  PLUGIN_STORAGE_LOCAL_ROOT: optionalText({
    meaning: "Folder of packages, assets and what plugins store",
    shownDefault: "below PLUGD_DATA_DIR",
  }),
  PLUGIN_PACKAGE_CACHE_PATH: text({
    meaning: "Folder of packages in the storage",
    default: "plugin_packages",
  }),
  PLUGIN_MEDIA_CACHE_PATH: text({ meaning: "Folder of icons in the storage", default: "assets" }),
  PLUGIN_MEDIA_CACHE_SIZE: integer({
    meaning: "Icons kept in memory",
    unit: "entries",
    default: 1024,
    max: 65_535,
    zeroIsDefault: true,
  }),
  PLUGIN_ASSET_CACHE_SIZE: integer({
    meaning: "Files read out of packages that are kept in memory",
    unit: "entries",
    default: 256,
    max: 65_535,
    zeroIsDefault: true,
  }),
  PLUGIN_WORKING_PATH: optionalText({
    meaning: "Folder that plugins are unpacked into and run from",
    shownDefault: "below PLUGD_DATA_DIR",
  }),
  PERSISTENCE_STORAGE_PATH: text({
    meaning: "Folder of the plugins' own key-value data in the storage",
    default: "persistence",
  }),
  PERSISTENCE_STORAGE_MAX_SIZE: integer({
    meaning: "Most that one plugin may store for one tenant",
    unit: "bytes",
    default: 104_857_600,
    zeroIsDefault: true,
  }),
  PLUGD_STORAGE_DURABILITY: choice({
    meaning:
      "What a value that a plugin has stored survives: process, the end of plugd, also by force; power, a power cut, too, which is several times slower",
    default: "process",
    spellings: { process: "process", power: "power" },
    allowed: '"process" or "power"',
  }),
  MAX_PLUGIN_PACKAGE_SIZE: integer({
    meaning: "Largest package, packed and unpacked",
    unit: "bytes",
    default: 52_428_800,
    zeroIsDefault: true,
  }),
  MAX_BUNDLE_PACKAGE_SIZE: integer({
    meaning: "Largest bundle of packages",
    unit: "bytes",
    default: 629_145_600,
    zeroIsDefault: true,
  }),
  PLUGIN_INSTALLED_PATH: ignored("Copies of installed packages, which plugd does not make"),
  PLUGIN_STORAGE_OSS_BUCKET: ignored("Cloud storage"),
  PLUGIN_MODEL_INSTALLATIONS_CACHE_ENABLED: ignored("A cache in Redis"),
  PLUGIN_MODEL_INSTALLATIONS_CACHE_TTL: ignored("A cache in Redis"),
};
