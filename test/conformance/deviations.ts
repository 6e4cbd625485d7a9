import type { Deviation } from "./judge.ts";

const COMPATIBILITY = "decisions.md: Compatibility with the reference";
const BETTER = "decisions.md: Better than the reference, on purpose";

/**
 * Every place where an answer is meant to differ from the recorded one. A step that differs and is not listed fails,
 * and so does an entry that no longer differs: the list cannot outlive its reasons.
 */
export const DEVIATIONS: readonly Deviation[] = [
  // Tenants and bodies
  {
    scenario: "system",
    step: "tenant that is no uuid: list",
    paths: ["json"],
    reason: "A tenant id is any text; the reference answers with its database's refusal",
    decidedIn: COMPATIBILITY,
  },
  {
    scenario: "wire",
    step: "user id that is a number",
    paths: ["status", "type", "frames"],
    reason: "A field of a wrong type is refused; the reference takes it for missing",
    decidedIn: COMPATIBILITY,
  },
  {
    scenario: "wire",
    step: "data after the JSON",
    paths: ["status", "type", "frames"],
    reason: "A malformed body is refused; the reference reads the first value and drops the rest",
    decidedIn: COMPATIBILITY,
  },
  ...["llm, message without a role", "llm, content null"].map((step) => ({
    scenario: "models",
    step,
    paths: ["status", "type", "frames"],
    reason: "A malformed message is refused; the reference sends it to the plugin, whose validator fails",
    decidedIn: COMPATIBILITY,
  })),

  // Packages and assets
  {
    scenario: "packages",
    step: "decode, old key spelling",
    paths: ["status", "json"],
    reason: "Both spellings of the parameter are taken",
    decidedIn: COMPATIBILITY,
  },
  {
    scenario: "packages",
    step: "asset, unknown",
    paths: ["status", "type"],
    reason: "A missing asset is 404; the reference answers 200 with an empty body",
    decidedIn: COMPATIBILITY,
  },
  {
    scenario: "packages",
    step: "asset, climbing out",
    paths: ["json.code"],
    reason: "A missing asset is 404; the reference takes the path for an unknown route",
    decidedIn: COMPATIBILITY,
  },
  ...["packaged asset with the folder's name", "packaged asset, unknown", "packaged asset, climbing out"].map(
    (step) => ({
      scenario: "packages",
      step,
      paths: ["status", "type"],
      reason: "A missing asset is 404; the reference answers 200 with an empty body",
      decidedIn: COMPATIBILITY,
    }),
  ),
  {
    scenario: "packages",
    step: "bundle that is a package",
    paths: ["json.code", "json.data"],
    reason: "A package is no bundle; the reference takes it for an empty one",
    decidedIn: COMPATIBILITY,
  },
  helpTexts("packages", "upload kitchen-models.difypkg", "json.data.manifest.model"),
  helpTexts("packages", "manifest kitchen-models", "json.data.model"),
  helpTexts("models", "models", "json.data.*.declaration"),
  helpTexts("models", "list of models by category", "json.data.list.*.declaration.model"),

  // Calls back
  {
    scenario: "back",
    step: 'llm {"model":"skip"}',
    paths: ["frames"],
    reason: "A frame that cannot be used ends the call with an error; the reference drops it silently",
    decidedIn: BETTER,
  },
  {
    scenario: "back",
    step: "raw llm, opaque body",
    paths: ["frames.0.data.message.text", "received"],
    reason: "Opaque bodies of messages are forwarded; the reference refuses the call",
    decidedIn: BETTER,
  },
  {
    scenario: "back",
    step: `raw storage set "${"k".repeat(256)}" "00"`,
    paths: ["frames.0.data.message.text"],
    reason: "Keys of the documented 256 bytes work; the reference meets the limit of its file system",
    decidedIn: BETTER,
  },
  {
    scenario: "back",
    step: 'raw storage exist "large"',
    paths: ["frames.0.data.message.text.data"],
    reason: "A value that was refused is not stored; the reference keeps it and does not count it",
    decidedIn: BETTER,
  },

  // Endpoints
  {
    scenario: "endpoints",
    step: "POST empty",
    paths: ["json.body", "json.headers.Content-Length"],
    reason: "An empty body stays an empty body; the reference writes a chunk that the SDK takes for one",
    decidedIn: COMPATIBILITY,
  },
  {
    scenario: "endpoints",
    step: "list after the refused encryption",
    paths: ["json.data", "received"],
    reason: "An endpoint whose encryption fails leaves no row behind",
    decidedIn: BETTER,
  },

  // Lifecycle
  ...["manifest of the old version", "manifest of an uninstalled plugin"].map((step) => ({
    scenario: "install",
    step,
    paths: ["json"],
    reason: "What nothing refers to any more is collected only after a grace period",
    decidedIn: BETTER,
  })),
  {
    scenario: "errors",
    step: "it dies",
    paths: ["ended", "frames"],
    reason: "A process that dies ends its calls at once with an error; in the reference they hang",
    decidedIn: BETTER,
  },
  {
    scenario: "errors",
    step: "a line over the limit",
    paths: ["status", "type", "ended"],
    reason: "The limit of a line is higher; in the reference the whole plugin falls silent",
    decidedIn: BETTER,
  },

  // Debugging
  ...["debug port: tools without identity", "debug port: tools that are no list"].map((step) => ({
    scenario: "debugging",
    step,
    paths: ["lines.0"],
    reason: "What stands behind the colon of a refusal is in our own words",
    decidedIn: COMPATIBILITY,
  })),
  {
    scenario: "debugging",
    step: "debug port: nothing before a handshake",
    paths: ["lines"],
    reason: "The handshake comes first; the reference registers the plugin for no tenant at all",
    decidedIn: BETTER,
  },
  ...(
    [
      ["list of the shadowed", "json.data.list.0"],
      ["call of the shadowed", "frames"],
      ["disconnect of the shadow", "lines"],
    ] as const
  ).map(([step, path]) => ({
    scenario: "debugging",
    step,
    paths: [path],
    reason: "A debugged plugin shadows the installed one; in the reference its connection gets nothing",
    decidedIn: BETTER,
  })),
];

/** A declaration of models that use templates of parameters. */
function helpTexts(scenario: string, step: string, declaration: string): Deviation {
  return {
    scenario,
    step,
    paths: [`${declaration}.models.*.parameter_rules.*.help`],
    reason: "The help texts of parameter templates are in our own words",
    decidedIn: "contract/plugin-package.md 2.4",
  };
}
