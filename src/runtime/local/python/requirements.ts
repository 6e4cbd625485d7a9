import { normalizeName } from "./markers.ts";

/** One requirement of PEP 508, or a path. */
export interface Requirement {
  /** Normalised; undefined for a bare path or URL. */
  readonly name: string | undefined;
  readonly extras: readonly string[];
  /** Comma-separated clauses; empty when any version will do. */
  readonly specifier: string;
  readonly marker: string | undefined;
  /** Of `name @ url`, a bare URL, or a path. */
  readonly url: string | undefined;
  /** Of `--hash=…`: the files that will do. */
  readonly hashes: readonly string[];
  /** The whole requirement as written, less comments and options behind it. */
  readonly text: string;
}

/** What a requirements file says, in order, without comments. */
export interface RequirementsText {
  readonly requirements: readonly Requirement[];
  /** Lines that say where distributions come from and which are taken: `--index-url …`, `--pre`, `--only-binary …`. */
  readonly options: readonly string[];
  /** Files named by `-r` and `-c`. */
  readonly includes: readonly string[];
}

const NAMED = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)$/s;
const INCLUDE = /^(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?=[^\s-]))(.+)$/;
const EDITABLE = /^(?:-e|--editable)(?:\s*=\s*|\s+)(.+)$/;
/** `--hash=…`, `--config-settings=…` and their like behind a requirement. */
const HASH = /\s--hash(?:=|\s+)(\S+)/g;
const LINE_OPTIONS = /\s--[a-z-]+(?:[=\s]\S+)?/g;

/** Reads the text of a requirements file: byte order mark, any line ends, comments and continued lines. */
export function parseRequirementsText(text: string): RequirementsText {
  const requirements: Requirement[] = [];
  const options: string[] = [];
  const includes: string[] = [];
  for (const line of logicalLines(text)) {
    const include = INCLUDE.exec(line)?.[1];
    const editable = EDITABLE.exec(line)?.[1];
    if (include !== undefined) includes.push(unquote(include.trim()));
    else if (editable !== undefined) requirements.push({ ...pathRequirement(editable.trim()), text: line });
    else if (line.startsWith("-")) options.push(line);
    else requirements.push(parseRequirement(line));
  }
  return { requirements, options, includes };
}

/** Reads one requirement, such as `httpx[socks]>=0.27 ; python_version < "3.13"`. Anything else counts as a path. */
export function parseRequirement(line: string): Requirement {
  const text = line.replaceAll(LINE_OPTIONS, "").trim();
  const hashes = [...line.matchAll(HASH)].map((match) => match[1] ?? "");
  const match = isPathOrUrl(text) ? undefined : NAMED.exec(text);
  if (!match) return { ...pathRequirement(text), hashes };
  const [, name = "", extras = "", rest = ""] = match;
  const base = { name: normalizeName(name), extras: splitList(extras).map(normalizeName), hashes, text };
  if (rest.startsWith("@")) {
    // A URL may hold a semicolon; only one behind a space begins a marker.
    const given = rest.slice(1).trim();
    const end = given.search(/\s;/);
    const url = end < 0 ? given : given.slice(0, end).trim();
    return { ...base, specifier: "", url, marker: end < 0 ? undefined : given.slice(end + 2).trim() };
  }
  const semicolon = rest.indexOf(";");
  const specifier = (semicolon < 0 ? rest : rest.slice(0, semicolon)).trim().replaceAll(/^\(|\)$/g, "");
  return {
    ...base,
    specifier: splitList(specifier).join(","),
    url: undefined,
    marker: semicolon < 0 ? undefined : rest.slice(semicolon + 1).trim(),
  };
}

/** Does it come from a place on this machine, so that what it installs depends on where it is? */
export function isLocal(requirement: Requirement): boolean {
  return requirement.url !== undefined && isLocalUrl(requirement.url);
}

export function isLocalUrl(url: string): boolean {
  return !/^(?:[a-z0-9]+\+)?(?:https?|git|ssh|hg|svn|bzr):\/\//i.test(url) && !url.startsWith("git@");
}

function logicalLines(text: string): string[] {
  const joined = text
    .replace(/^\uFEFF/, "")
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/\\\n/g, " ");
  return joined
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

function isPathOrUrl(text: string): boolean {
  const beforeMarker = text.split(/\s;/, 1)[0] ?? text;
  return (
    /^(?:\.{0,2}\/|~\/|file:)/.test(beforeMarker) ||
    /^[a-z0-9+.-]+:\/\//i.test(beforeMarker) ||
    /^[^\s@<>=!~;[]+\.(?:whl|tar\.gz|zip)$/.test(beforeMarker) ||
    /^[^\s@<>=!~;[]+\//.test(beforeMarker)
  );
}

function pathRequirement(text: string): Requirement {
  const [url = "", rest] = text.split(/\s;/, 2);
  const marker = rest?.trim();
  return { name: undefined, extras: [], specifier: "", marker, url: unquote(url.trim()), hashes: [], text };
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim().replaceAll(/\s+/g, ""))
    .filter((part) => part !== "");
}

function unquote(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, "$2");
}
