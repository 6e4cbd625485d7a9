import { findNesting } from "../lib/json-scan.ts";
import type { LogLevel, PluginEvent } from "./messages.ts";

/** What nests deeper is no message: the engine takes 13 seconds and 2 GB for 32 MB of open brackets. */
const MAX_DEPTH = 1_000_000;
/** A stray print is kept for the log, cut to this many characters. */
const NOISE_CHARS = 1024;

/** Undefined where the text is no JSON, or nests too deep: JSON itself has no undefined. */
export function parseJson(text: string, maxDepth: number = MAX_DEPTH): unknown {
  // Costs nothing for a text that is too short to nest as deep.
  if (findNesting(text, maxDepth)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A line that is no message. */
export function noise(text: string): PluginEvent {
  return { kind: "noise", text: cutNoise(text) };
}

export function cutNoise(text: string): string {
  return text.length > NOISE_CHARS ? `${text.substring(0, NOISE_CHARS)}…` : text;
}

/** Maps a plugin's level names, Python's mostly (contract/plugin-wire 0.2). */
export function logLevel(name: unknown): LogLevel {
  switch (typeof name === "string" ? name.toLowerCase() : "") {
    case "debug":
      return "debug";
    case "warn":
    case "warning":
      return "warn";
    case "error":
    case "fatal":
    case "critical":
      return "error";
    default:
      return "info";
  }
}
