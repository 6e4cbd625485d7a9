import { readFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { hasCode } from "../../../lib/system-error.ts";
import { DaemonError } from "../../../protocol/daemon-error.ts";
import { isLocal, parseRequirement, parseRequirementsText, type Requirement } from "./requirements.ts";
import { SDK_NAME } from "./sdk-version.ts";
import { lockedVersion, parseUvLock, type UvLock } from "./uv-lock.ts";

/** What a package says about its dependencies. */
export interface DependencySource {
  /**
   * - `lock` – a `uv.lock`; undefined when only uv can read it
   * - `requirements` – `requirements.txt`
   * - `project` – `pyproject.toml`; `lines` are its dependencies where they are a plain list
   */
  readonly from:
    | { readonly kind: "lock"; readonly lock: UvLock | undefined; readonly groups: readonly string[] }
    | { readonly kind: "requirements" }
    | { readonly kind: "project"; readonly lines: readonly string[] | undefined };
  /** As far as they can be read without a tool. */
  readonly requirements: readonly Requirement[];
  readonly requiresPython: string | undefined;
  /** Option lines of requirements files, such as `--extra-index-url …`. */
  readonly options: readonly string[];
  /** All texts that decide, for remembering what they resolved to. */
  readonly texts: readonly string[];
  /** The package configures uv itself (`[tool.uv]`, `uv.toml`), as for an index of its own. */
  readonly configuresUv: boolean;
  /** A dependency lies in the package. */
  readonly local: boolean;
}

const Strings = Type.Array(Type.String());
const PyProject = Type.Object({
  project: Type.Optional(
    Type.Object({
      "requires-python": Type.Optional(Type.String()),
      dependencies: Type.Optional(Strings),
      dynamic: Type.Optional(Strings),
    }),
  ),
  tool: Type.Optional(
    Type.Object({
      uv: Type.Optional(
        Type.Object({ "default-groups": Type.Optional(Type.Union([Strings, Type.Literal("all")])) }),
      ),
      poetry: Type.Optional(Type.Unknown()),
    }),
  ),
  "build-system": Type.Optional(Type.Unknown()),
  "dependency-groups": Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** A chain of `-r` files longer than this is a loop or worse. */
const MAX_FILES = 32;

/**
 * Reads what a package depends on (contract/lifecycle 4.3.1 step 4): a lock first, also with a mirror; then
 * `requirements.txt` if there is a mirror, `pyproject.toml`, `requirements.txt`.
 *
 * Throws `bad_request` when there is nothing of the kind.
 */
export async function readDependencySource(
  folder: string,
  options: { readonly ignoreLock: boolean; readonly mirror: boolean },
): Promise<DependencySource> {
  const [projectText, lockText, requirementsText, uvToml] = await Promise.all(
    ["pyproject.toml", "uv.lock", "requirements.txt", "uv.toml"].map((name) => readText(join(folder, name))),
  );
  const project = projectText === undefined ? undefined : readProject(projectText);
  const shared = {
    requiresPython: project?.requiresPython,
    configuresUv: uvToml !== undefined || (project?.configuresUv ?? false),
  };
  if (lockText !== undefined && project && !options.ignoreLock)
    return { ...shared, ...fromLock(lockText, project), texts: [lockText, project.text] };
  const preferRequirements = options.mirror || (project?.empty ?? true);
  if (requirementsText !== undefined && preferRequirements)
    return { ...shared, ...(await fromRequirements(folder, requirementsText, uvToml)) };
  if (project) return { ...shared, ...fromProject(project), texts: [project.text, uvToml ?? ""] };
  throw new DaemonError(
    "bad_request",
    "failed to find dependency file: neither pyproject.toml nor requirements.txt found in plugin directory",
    { hint: "A package for Python needs one of the two, even if it is empty" },
  );
}

interface Project {
  readonly text: string;
  readonly requiresPython: string | undefined;
  /** Undefined where a tool has to read the file, for there is no plain list. */
  readonly lines: readonly string[] | undefined;
  readonly groups: readonly string[];
  readonly configuresUv: boolean;
  /** Says nothing about dependencies, such as one that only configures a linter. */
  readonly empty: boolean;
}

function readProject(text: string): Project {
  const configuresUv = /^\s*\[{1,2}\s*tool\.uv\b/m.test(text) || /^\s*tool\.uv\./m.test(text);
  const value = parseToml(text);
  if (!value) {
    const requiresPython = /^\s*requires-python\s*=\s*["']([^"']+)["']/m.exec(text)?.[1];
    return { text, requiresPython, lines: undefined, groups: [], configuresUv, empty: false };
  }
  const dynamic = value.project?.dynamic?.includes("dependencies") ?? false;
  const plain = value.project !== undefined && !dynamic;
  const groups = value.tool?.uv?.["default-groups"] ?? [];
  return {
    text,
    requiresPython: value.project?.["requires-python"],
    lines: plain ? (value.project?.dependencies ?? []) : undefined,
    groups: (groups === "all" ? Object.keys(value["dependency-groups"] ?? {}) : groups).filter(
      (name) => name !== "dev",
    ),
    configuresUv,
    empty:
      value.project === undefined && value["build-system"] === undefined && value.tool?.poetry === undefined,
  };
}

function parseToml(text: string) {
  try {
    const value: unknown = Bun.TOML.parse(text);
    return Value.Check(PyProject, value) ? value : undefined;
  } catch {
    // What Bun cannot read uv may still read; if not, its message is the better one.
    return undefined;
  }
}

function fromLock(text: string, project: Project) {
  const lock = parseUvLock(text);
  const sdk = lock && lockedVersion(lock, SDK_NAME);
  return {
    from: { kind: "lock", lock, groups: project.groups } as const,
    requiresPython: project.requiresPython ?? lock?.["requires-python"],
    requirements: sdk === undefined ? [] : [parseRequirement(`${SDK_NAME}==${sdk}`)],
    options: [],
    local: false,
  };
}

function fromProject(project: Project) {
  const lines = project.lines;
  const requirements = (lines ?? looseRequirements(project.text)).map(parseRequirement);
  return {
    from: { kind: "project", lines } as const,
    requirements,
    options: [],
    local: requirements.some(isLocal),
  };
}

/** The SDK's line, for a file whose list is not plain. */
function looseRequirements(text: string): string[] {
  return [...text.matchAll(/["'](dify[-_.]plugin\b[^"']*)["']/gi)].map((match) => match[1] ?? "");
}

async function fromRequirements(folder: string, text: string, uvToml: string | undefined) {
  const texts = new Map<string, string>();
  const requirements: Requirement[] = [];
  const options: string[] = [];
  const queue: [string, string][] = [["requirements.txt", text]];
  for (let next = queue.pop(); next && texts.size < MAX_FILES; next = queue.pop()) {
    const [name, content] = next;
    texts.set(name, content);
    const parsed = parseRequirementsText(content);
    requirements.push(...parsed.requirements);
    options.push(...parsed.options);
    for (const include of parsed.includes) {
      const path = normalize(join(name, "..", include));
      // What is missing, or lies elsewhere, is for the tool to judge.
      const included = /^(?:[a-z]+:|\/|\.\.)/.test(path) ? undefined : await readText(join(folder, path));
      if (included !== undefined && !texts.has(path)) queue.push([path, included]);
    }
  }
  return {
    from: { kind: "requirements" } as const,
    requirements,
    options,
    texts: [...[...texts].flat(), uvToml ?? ""],
    local: requirements.some(isLocal),
  };
}

/** UTF-8, or UTF-16 where a byte order mark says so (Windows editors). Undefined when there is no such file. */
async function readText(path: string): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if (hasCode(cause, "ENOENT", "EISDIR")) return undefined;
    throw cause;
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  return new TextDecoder().decode(bytes);
}
