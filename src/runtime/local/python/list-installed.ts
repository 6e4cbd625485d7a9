import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Tools } from "../tools.ts";
import type { Distribution } from "./distribution.ts";
import { normalizeName } from "./markers.ts";

const SCRIPT = `
import importlib.metadata as m, json
print(json.dumps([[d.metadata["Name"], d.version] for d in m.distributions()]))
`;

const Answer = Type.Array(Type.Tuple([Type.String(), Type.String()]));

/** What is in an environment that was not installed from pins. Empty where its Python does not tell. */
export async function listInstalled(
  python: string,
  options: { readonly tools: Tools; readonly signal: AbortSignal },
): Promise<Distribution[]> {
  const { stdout } = await options.tools.run([python, "-I", "-c", SCRIPT], {
    cwd: "/",
    signal: options.signal,
  });
  try {
    const value: unknown = JSON.parse(stdout);
    if (!Value.Check(Answer, value)) return [];
    return value
      .map(([name, version]) => ({ name: normalizeName(name), version, source: "" }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // The record is for people and for the warm start; the environment works without it.
    return [];
  }
}
