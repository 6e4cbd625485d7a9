import type { MarkerEnvironment } from "./markers.ts";
import { parseSpecifier, satisfies } from "./specifier.ts";
import { parseVersion } from "./version.ts";

/** A Python that answered. */
export interface Interpreter {
  /** Real path of the program itself, never of a virtual environment or a shim. */
  readonly path: string;
  /** Whole version, such as `3.12.1`. */
  readonly version: string;
  /** `3.12` is 12. */
  readonly minor: number;
  /** Operating system, architecture and C library, such as `linux-x86_64-glibc`. */
  readonly platform: string;
  readonly markers: MarkerEnvironment;
  /** Has what `python -m venv` needs. */
  readonly canMakeVenv: boolean;
  /** Path of the `uv` that is installed in it as a module. */
  readonly uvPath: string | undefined;
}

/** Where an interpreter was found; `setting` is `PYTHON_INTERPRETER_PATH`. */
export type InterpreterOrigin = "setting" | "path" | "uv" | "pyenv" | "system";

/** A place where a Python seems to be: what answered, or why it is of no use. */
export interface InterpreterCandidate {
  readonly foundAt: string;
  readonly origin: InterpreterOrigin;
  readonly interpreter: Interpreter | undefined;
  readonly problem: string | undefined;
}

export interface InterpreterNeeds {
  /** `meta.runner.version` of the manifest. */
  readonly manifestVersion: string;
  /** `requires-python` of pyproject.toml. */
  readonly requiresPython: string | undefined;
  /** Lowest minor version for the SDK that is asked for. */
  readonly sdkFloor: number | undefined;
}

export interface RefusedInterpreter {
  readonly foundAt: string;
  readonly version: string | undefined;
  readonly reason: string;
}

export type InterpreterChoice =
  | { readonly kind: "chosen"; readonly interpreter: Interpreter }
  | {
      readonly kind: "none";
      readonly refused: readonly RefusedInterpreter[];
      /** What would do, as `3.12`; undefined when the needs exclude each other. */
      readonly wanted: string | undefined;
    };

/** What the reference daemon always uses. */
const USUAL_MINOR = 12;
/** Versions that may be asked for, in order of preference after the manifest's own. */
const KNOWN_MINORS = [12, 13, 14, 11, 10, 9];

/**
 * Chooses among what was found. `requires-python` and the SDK's own need exclude, and nothing below the manifest's
 * version is taken, unless an operator has set it. Then the manifest's minor version is best, 3.12 next, then the
 * nearest higher one; among equals the one found first.
 */
export function chooseInterpreter(
  candidates: readonly InterpreterCandidate[],
  needs: InterpreterNeeds,
): InterpreterChoice {
  const refused: RefusedInterpreter[] = [];
  const usable: Interpreter[] = [];
  for (const { foundAt, origin, interpreter, problem } of candidates) {
    const reason = interpreter
      ? (problem ?? refuse(interpreter, needs, { ignoreManifest: origin === "setting" }))
      : (problem ?? "it does not answer");
    if (interpreter && reason === undefined) usable.push(interpreter);
    else refused.push({ foundAt, version: interpreter?.version, reason: reason ?? "" });
  }
  const wantedMinor = manifestMinor(needs.manifestVersion);
  const best = usable.toSorted((a, b) => rank(a.minor, wantedMinor) - rank(b.minor, wantedMinor))[0];
  return best
    ? { kind: "chosen", interpreter: best }
    : { kind: "none", refused, wanted: wantedVersion(needs) };
}

/** All that the plugin asks for, for an error message. */
export function describeNeeds(needs: InterpreterNeeds): string {
  const parts = [
    needs.manifestVersion && `the manifest asks for ${needs.manifestVersion}`,
    needs.requiresPython && `pyproject.toml for "${needs.requiresPython}"`,
    needs.sdkFloor && `its SDK for 3.${needs.sdkFloor} or higher`,
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : "any Python 3";
}

function refuse(
  interpreter: Interpreter,
  needs: InterpreterNeeds,
  options: { readonly ignoreManifest: boolean },
): string | undefined {
  const { version, minor, markers } = interpreter;
  if (markers["platform_python_implementation"] !== "CPython") return "it is not CPython";
  const wanted = manifestMinor(needs.manifestVersion);
  if (!options.ignoreManifest && wanted !== undefined && minor < wanted)
    return `the manifest asks for 3.${wanted}`;
  return refuseVersion(version, minor, needs);
}

function refuseVersion(version: string, minor: number, needs: InterpreterNeeds): string | undefined {
  const parsed = parseVersion(version);
  const clauses = parseSpecifier(needs.requiresPython ?? "");
  // What is no specifier (`^3.10`) cannot exclude anything.
  if (parsed && clauses && !satisfies(parsed, clauses))
    return `pyproject.toml asks for "${needs.requiresPython}"`;
  if (needs.sdkFloor !== undefined && minor < needs.sdkFloor)
    return `the SDK needs 3.${needs.sdkFloor} or higher`;
  return undefined;
}

function manifestMinor(text: string): number | undefined {
  const minor = /^\s*3\.(\d{1,3})(?!\d)/.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

function rank(minor: number, wanted: number | undefined): number {
  if (minor === wanted) return 0;
  if (minor === USUAL_MINOR) return 1;
  const base = wanted ?? USUAL_MINOR;
  return minor > base ? 2 + minor - base : 1000 + base - minor;
}

function wantedVersion(needs: InterpreterNeeds): string | undefined {
  const wanted = manifestMinor(needs.manifestVersion);
  const minors =
    wanted === undefined ? KNOWN_MINORS : [wanted, ...KNOWN_MINORS.filter((minor) => minor > wanted)];
  const minor = minors.find((minor) => refuseVersion(`3.${minor}.99`, minor, needs) === undefined);
  return minor === undefined ? undefined : `3.${minor}`;
}
