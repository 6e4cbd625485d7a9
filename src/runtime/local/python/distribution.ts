import type { Interpreter } from "./interpreter.ts";
import { isLocalUrl, parseRequirementsText } from "./requirements.ts";

/** One thing that is installed in an environment. */
export interface Distribution {
  readonly name: string;
  /** Empty where only installing it tells. */
  readonly version: string;
  /** Where it comes from when that is not the package index: a URL, `git+…`, a path. Else empty. */
  readonly source: string;
}

/** A distribution with what an installer needs. */
export interface Pin extends Distribution {
  /** A line of a requirements file, without hashes. */
  readonly requirement: string;
  /** `sha256:…` of every file that will do; empty where nothing is known. */
  readonly hashes: readonly string[];
}

/** What a plugin's dependencies come down to for one interpreter. */
export interface Resolution {
  /** Sorted by name; complete, so that nothing else has to be looked up. */
  readonly pins: readonly Pin[];
  /** Lines for the head of a requirements file: `--extra-index-url …`, `--find-links …`. */
  readonly options: readonly string[];
  /**
   * Set where the pins do not tell everything: then only plugins with the same text here share the environment.
   * Such are dependencies that lie in the package itself, and locks that only uv can read.
   */
  readonly scope: string | undefined;
  /** The pins could not be read; uv has to install straight from the lock. */
  readonly syncOnly: boolean;
}

/** Reads the pinned requirements that `uv pip compile` wrote. */
export function parsePins(text: string): Pin[] {
  const pins = parseRequirementsText(text).requirements.map((requirement): Pin => ({
    name: requirement.name ?? "",
    version: /^===?([^,]+)$/.exec(requirement.specifier)?.[1] ?? "",
    source: requirement.url ?? "",
    requirement: requirement.text,
    hashes: [],
  }));
  return sortPins(pins);
}

export function sortPins(pins: readonly Pin[]): Pin[] {
  const text = (pin: Pin) => `${pin.name}==${pin.version}@${pin.source}`;
  return pins.toSorted((a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0));
}

/** Does one of them lie on this machine, such as a wheel in the package? */
export function hasLocalPin(pins: readonly Pin[]): boolean {
  return pins.some((pin) => pin.source !== "" && isLocalUrl(pin.source));
}

/** A requirements file for an installation without look-ups. */
export function pinnedText(resolution: Resolution): string {
  const lines = resolution.pins.map((pin) =>
    [pin.requirement, ...pin.hashes.map((hash) => `--hash=${hash}`)].join(" \\\n    "),
  );
  return [...resolution.options, ...lines, ""].join("\n");
}

/**
 * Name of the environment that holds these distributions for this interpreter. Files of an index are known by name and
 * version, so neither a mirror nor the list of hashes in a lock makes a difference.
 */
export function environmentKey(resolution: Resolution, interpreter: Interpreter): string {
  const content = [
    1,
    interpreter.path,
    interpreter.version,
    interpreter.platform,
    resolution.pins.map((pin) => [pin.name, pin.version, pin.source]),
    resolution.options,
    resolution.scope ?? "",
  ];
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 32);
}
