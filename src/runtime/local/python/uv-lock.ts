import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type Pin, sortPins } from "./distribution.ts";
import { type MarkerEnvironment, markerApplies, normalizeName } from "./markers.ts";

const Source = Type.Object({
  registry: Type.Optional(Type.String()),
  git: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  path: Type.Optional(Type.String()),
  directory: Type.Optional(Type.String()),
  editable: Type.Optional(Type.String()),
  virtual: Type.Optional(Type.String()),
  subdirectory: Type.Optional(Type.String()),
});
type Source = Static<typeof Source>;

const Dependency = Type.Object({
  name: Type.String(),
  version: Type.Optional(Type.String()),
  source: Type.Optional(Source),
  marker: Type.Optional(Type.String()),
  extra: Type.Optional(Type.Array(Type.String())),
});
type Dependency = Static<typeof Dependency>;

const File = Type.Object({ hash: Type.Optional(Type.String()) });

const Package = Type.Object({
  name: Type.String(),
  version: Type.Optional(Type.String()),
  source: Source,
  "resolution-markers": Type.Optional(Type.Array(Type.String())),
  dependencies: Type.Optional(Type.Array(Dependency)),
  "optional-dependencies": Type.Optional(Type.Record(Type.String(), Type.Array(Dependency))),
  "dev-dependencies": Type.Optional(Type.Record(Type.String(), Type.Array(Dependency))),
  sdist: Type.Optional(File),
  wheels: Type.Optional(Type.Array(File)),
});
type Package = Static<typeof Package>;

const Lock = Type.Object({
  version: Type.Literal(1),
  "requires-python": Type.Optional(Type.String()),
  // Extras that exclude each other are coded into the markers; only uv knows how.
  conflicts: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 0 })),
  package: Type.Optional(Type.Array(Package)),
});

/** A `uv.lock` of version 1. */
export type UvLock = Static<typeof Lock>;

/** These serve the very files of PyPI. */
const SAME_AS_PYPI =
  /^https?:\/\/(?:pypi\.org|pypi\.python\.org|files\.pythonhosted\.org|pypi\.tuna\.tsinghua\.edu\.cn|mirrors\.(?:tuna\.tsinghua\.edu\.cn|aliyun\.com|cloud\.tencent\.com|ustc\.edu\.cn|huaweicloud\.com)|repo\.huaweicloud\.com|pypi\.(?:mirrors\.ustc\.edu\.cn|doubanio\.com))\//;

/** Undefined where the text is no lock that can be read here. */
export function parseUvLock(text: string): UvLock | undefined {
  try {
    const value: unknown = Bun.TOML.parse(text);
    return Value.Check(Lock, value) ? value : undefined;
  } catch {
    // Not TOML, or TOML that only uv reads: the caller lets uv work with it.
    return undefined;
  }
}

/** Version that the lock has for a distribution; the first where there are several. */
export function lockedVersion(lock: UvLock, name: string): string | undefined {
  return lock.package?.find((entry) => entry.name === name)?.version;
}

/** Other indexes than PyPI and its public mirrors that the lock takes files from. */
export function otherRegistries(lock: UvLock): string[] {
  const registries = (lock.package ?? []).flatMap(({ source: { registry } }) =>
    registry !== undefined && !SAME_AS_PYPI.test(registry) ? [registry] : [],
  );
  return [...new Set(registries)].toSorted();
}

/**
 * What the lock installs for an interpreter: all that can be reached from the project over dependencies whose markers
 * hold, without the `dev` group. The same as `uv export --frozen --no-dev --no-emit-project` with its markers
 * evaluated. Undefined where that cannot be told without uv.
 *
 * `groups` are the dependency groups that count besides `dependencies`.
 */
export function lockedPins(
  lock: UvLock,
  options: { readonly markers: MarkerEnvironment; readonly groups: readonly string[] },
): Pin[] | undefined {
  const packages = lock.package ?? [];
  const root = packages.find(isProject);
  if (!root) return undefined;
  const byName = Map.groupBy(packages, (entry) => entry.name);
  const reached = new Map<Package, Set<string>>([[root, new Set()]]);
  const queue: Dependency[] = [
    ...(root.dependencies ?? []),
    ...options.groups.flatMap((group) => root["dev-dependencies"]?.[group] ?? []),
  ];
  for (let dependency = queue.pop(); dependency; dependency = queue.pop()) {
    if (!markerApplies(dependency.marker, options.markers)) continue;
    const target = findTarget(byName.get(dependency.name) ?? [], dependency, options.markers);
    if (!target) return undefined;
    const known = reached.get(target);
    const extras = known ?? new Set<string>();
    if (!known) {
      reached.set(target, extras);
      queue.push(...(target.dependencies ?? []));
    }
    for (const extra of dependency.extra ?? []) {
      if (extras.has(extra)) continue;
      extras.add(extra);
      queue.push(...(target["optional-dependencies"]?.[extra] ?? []));
    }
  }
  reached.delete(root);
  return sortPins([...reached.keys()].filter((entry) => entry.source.virtual === undefined).map(pinOf));
}

function isProject(entry: Package): boolean {
  return [entry.source.virtual, entry.source.editable, entry.source.directory].includes(".");
}

function findTarget(
  candidates: readonly Package[],
  dependency: Dependency,
  markers: MarkerEnvironment,
): Package | undefined {
  const matching = candidates.filter(
    (entry) =>
      (dependency.version === undefined || entry.version === dependency.version) &&
      (dependency.source === undefined || Bun.deepEquals(entry.source, dependency.source)),
  );
  if (matching.length <= 1) return matching[0];
  const here = matching.filter((entry) =>
    (entry["resolution-markers"] ?? []).some((marker) => markerApplies(marker, markers)),
  );
  return here.length === 1 ? here[0] : undefined;
}

function pinOf(entry: Package): Pin {
  const name = normalizeName(entry.name);
  const version = entry.version ?? "";
  const hashes = [...(entry.wheels ?? []), ...(entry.sdist ? [entry.sdist] : [])].flatMap(({ hash }) =>
    hash === undefined ? [] : [hash],
  );
  const { registry } = entry.source;
  if (registry !== undefined) {
    const source = SAME_AS_PYPI.test(registry) ? "" : registry;
    return { name, version, source, requirement: `${name}==${version}`, hashes: hashes.toSorted() };
  }
  const source = sourceUrl(entry.source);
  const local = entry.source.url === undefined && entry.source.git === undefined;
  // Git checkouts and folders have no hash to check.
  return { name, version, source, requirement: local ? source : `${name} @ ${source}`, hashes: [] };
}

function sourceUrl(source: Source): string {
  if (source.git !== undefined) return gitUrl(source.git, source.subdirectory);
  if (source.url !== undefined)
    return source.subdirectory === undefined
      ? source.url
      : `${source.url}#subdirectory=${source.subdirectory}`;
  const path = source.path ?? source.directory ?? source.editable ?? "";
  return path.startsWith("/") || path.startsWith(".") ? path : `./${path}`;
}

/** `https://host/repo?rev=main&subdirectory=x#<commit>` as a requirement spells it. */
function gitUrl(text: string, subdirectory: string | undefined): string {
  const [before = "", commit = ""] = text.split("#", 2);
  const [address = "", query = ""] = before.split("?", 2);
  const folder = subdirectory ?? new URLSearchParams(query).get("subdirectory") ?? undefined;
  return `git+${address}@${commit}${folder === undefined ? "" : `#subdirectory=${folder}`}`;
}
