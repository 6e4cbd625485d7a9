import { DaemonError } from "../../protocol/daemon-error.ts";
import { readRunner } from "../../protocol/runner.ts";
import { ZERO_TIME } from "../yaml/timestamp.ts";
import type { manifest } from "./manifest.ts";

/** A decoded `manifest.yaml`. */
export type Manifest = ReturnType<typeof manifest>;

const VERSION = /^\d{1,4}(\.\d{1,4}){2}(-\w{1,16})?$/;
const VERSION_WORDS = 'three numbers such as "0.0.1", with a suffix such as "-beta" if you want';
const TAGS = new Set(
  "search image videos weather finance design travel social news medical productivity education business entertainment utilities agent rag other trigger".split(
    " ",
  ),
);
const ARCHITECTURES = new Set(["amd64", "arm64"]);
/** The reference takes `python` only; the others run here. */
const LANGUAGES = new Set(["python", "typescript", "javascript"]);
const MAX_LABEL_CHARS = 1023;
const MIN_STORAGE_BYTES = 1024;
const MAX_STORAGE_BYTES = 1024 ** 3;

/**
 * Everything that the strict rules find wrong in a manifest, a line each, such as `meta.arch: is missing`
 * (contract/plugin-package 1.5, column "strict rule"). Packing and debugging apply them; uploads are lenient.
 */
export function manifestProblems(given: Manifest): string[] {
  const problems: string[] = [];
  const report = (field: string, problem: string | undefined) => {
    if (problem !== undefined) problems.push(`${field}: ${problem}`);
  };
  const { resource, meta } = given;

  report("version", versionProblem(given.version));
  report("type", given.type === "plugin" ? undefined : `must be "plugin", not ${JSON.stringify(given.type)}`);
  report("author", tooLong(given.author, 64));
  report("name", missingOrLong(given.name, 128));
  for (const field of ["label", "description"] as const) {
    report(`${field}.en_US`, missingOrLong(given[field].en_US, MAX_LABEL_CHARS));
    for (const language of ["ja_JP", "zh_Hans", "pt_BR"] as const)
      report(`${field}.${language}`, tooLong(given[field][language] ?? "", MAX_LABEL_CHARS));
  }
  report("icon", missingOrLong(given.icon, 128));
  report("icon_dark", tooLong(given.icon_dark, 128));
  report("resource.memory", resource.memory === 0 ? MISSING : undefined);
  report("resource.permission.storage.size", storageProblem(resource.permission?.storage));
  for (const [kind, paths] of Object.entries(given.plugins))
    for (const path of paths ?? []) report(`plugins.${kind}`, tooLong(path, 128));
  report("meta.version", versionProblem(meta.version));
  report("meta.arch", meta.arch === null ? MISSING : undefined);
  for (const name of meta.arch ?? []) report("meta.arch", unknown(name, ARCHITECTURES));
  const { language, command } = meta.runner;
  // Whoever brings a program may write it in anything.
  const free = command !== undefined && command !== null;
  report("meta.runner.language", free ? tooLong(language, 128) : unknown(language, LANGUAGES));
  const text = free ? tooLong : missingOrLong;
  report("meta.runner.version", text(meta.runner.version, 128));
  report("meta.runner.entrypoint", text(meta.runner.entrypoint, 256));
  report("meta.runner", runnerProblem(meta.runner));
  for (const tag of given.tags ?? []) report("tags", unknown(tag, TAGS));
  report("created_at", given.created_at === ZERO_TIME ? MISSING : undefined);
  report("repo", given.repo === undefined ? undefined : repoProblem(given.repo));
  return problems;
}

const MISSING = "is missing";

/** What is said of the keys that the reference does not know. */
function runnerProblem(runner: Manifest["meta"]["runner"]): string | undefined {
  try {
    readRunner(runner);
    return undefined;
  } catch (cause) {
    if (cause instanceof DaemonError) return cause.message;
    throw cause;
  }
}

function versionProblem(version: string): string | undefined {
  if (version === "") return MISSING;
  return VERSION.test(version) ? undefined : `must be ${VERSION_WORDS}, not ${JSON.stringify(version)}`;
}

function missingOrLong(text: string, limit: number): string | undefined {
  return text === "" ? MISSING : tooLong(text, limit);
}

function tooLong(text: string, limit: number): string | undefined {
  const { length } = Array.from(text);
  return length > limit ? `has ${length} characters, more than ${limit}` : undefined;
}

function unknown(name: string, known: ReadonlySet<string>): string | undefined {
  if (known.has(name)) return undefined;
  return name === "" ? MISSING : `${JSON.stringify(name)} is not one of ${[...known].join(", ")}`;
}

/** Checked whenever the object stands there, also when storage is off. */
function storageProblem(storage: { readonly size: number } | undefined): string | undefined {
  if (!storage || (storage.size >= MIN_STORAGE_BYTES && storage.size <= MAX_STORAGE_BYTES)) return undefined;
  return `must be between ${MIN_STORAGE_BYTES} and ${MAX_STORAGE_BYTES} bytes, not ${storage.size}`;
}

/** A scheme, and behind it a host, an opaque part or a fragment. */
function repoProblem(repo: string): string | undefined {
  const match = /^[a-z][a-z0-9+.-]*:(.*)$/is.exec(repo);
  const rest = match?.[1] ?? "";
  const [before = "", fragment = ""] = rest.split("#", 2);
  const host = /^\/\/([^/?]*)/.exec(before)?.[1] ?? "";
  const opaque = before.startsWith("/") ? "" : before.replace(/\?.*$/s, "");
  return host || opaque || fragment ? undefined : `must be a URL, not ${JSON.stringify(repo)}`;
}
