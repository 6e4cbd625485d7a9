import { succeeded } from "../../../lib/run-command.ts";
import { DaemonError } from "../../../protocol/daemon-error.ts";
import type { LocalSettings } from "../settings.ts";
import { tellingTail } from "../tool-failure.ts";
import type { Tools } from "../tools.ts";
import type { InterpreterFinder } from "./find-interpreters.ts";
import { uvEnvironment, type UvFinder } from "./find-uv.ts";
import {
  chooseInterpreter,
  describeNeeds,
  type Interpreter,
  type InterpreterCandidate,
  type InterpreterChoice,
  type InterpreterNeeds,
} from "./interpreter.ts";

export interface SelectedInterpreter {
  readonly interpreter: Interpreter;
  /** Undefined when there is no uv. */
  readonly uvPath: string | undefined;
}

export interface SelectOptions {
  readonly settings: LocalSettings;
  readonly tools: Tools;
  readonly interpreters: InterpreterFinder;
  readonly uv: UvFinder;
  /** Where uv puts a Python that it fetches. */
  readonly installPath: string;
  /** The plugin in texts. */
  readonly label: string;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The interpreter for a plugin: the best of this machine, else one that uv fetches. Throws `unavailable` with all that
 * was found and why it will not do.
 */
export async function selectInterpreter(
  needs: InterpreterNeeds,
  options: SelectOptions,
): Promise<SelectedInterpreter> {
  const { interpreters, signal, settings } = options;
  const candidates = await interpreters.find(signal);
  const uvPath = await options.uv.find(candidates, signal);
  const choice = chooseInterpreter(uvPath === undefined ? candidates.map(needsVenv) : candidates, needs);
  if (choice.kind === "chosen") return { interpreter: choice.interpreter, uvPath };

  const mayInstall = settings.installPython && settings.interpreterPath === undefined;
  let attempt: string | undefined;
  if (mayInstall && uvPath !== undefined && choice.wanted !== undefined) {
    attempt = await installPython(uvPath, choice.wanted, options);
    const again = chooseInterpreter(await interpreters.find(signal), needs);
    if (again.kind === "chosen") return { interpreter: again.interpreter, uvPath };
  }
  throw noInterpreter(choice, { needs, label: options.label, attempt, fixed: settings.interpreterPath });
}

/** Without uv an environment can only be made by an interpreter that has `venv`, which some systems split off. */
function needsVenv(candidate: InterpreterCandidate): InterpreterCandidate {
  const lacks = candidate.interpreter !== undefined && !candidate.interpreter.canMakeVenv;
  return lacks ? { ...candidate, problem: "it has no venv module, and there is no uv" } : candidate;
}

/** Undefined when it worked, else what uv said. */
async function installPython(
  uvPath: string,
  version: string,
  options: SelectOptions,
): Promise<string | undefined> {
  const { tools, settings, signal, report } = options;
  report(`No Python on this machine will do; uv fetches ${version}`);
  const result = await tools.run([uvPath, "python", "install", version], {
    cwd: "/",
    signal,
    report,
    env: {
      ...uvEnvironment(settings, false),
      UV_PYTHON_DOWNLOADS: "manual",
      UV_PYTHON_INSTALL_DIR: options.installPath,
      UV_PYTHON_INSTALL_BIN: "0",
    },
  });
  return succeeded(result) ? undefined : tellingTail(result);
}

function noInterpreter(
  choice: Extract<InterpreterChoice, { kind: "none" }>,
  options: {
    readonly needs: InterpreterNeeds;
    readonly label: string;
    readonly attempt: string | undefined;
    readonly fixed: string | undefined;
  },
): DaemonError {
  const { fixed, attempt } = options;
  const found = choice.refused.map(
    ({ foundAt, version, reason }) => `${foundAt} (${version ?? "?"}): ${reason}`,
  );
  const wanted =
    choice.wanted === undefined ? "Its demands exclude each other" : `Python ${choice.wanted} would do`;
  const parts = [
    `failed to find python: Cannot find a Python for plugin "${options.label}": ${describeNeeds(options.needs)}`,
    `${wanted}. Found: ${found.length > 0 ? found.join("; ") : "nothing"}`,
    ...(attempt === undefined ? [] : [`uv could not fetch one: ${attempt}`]),
  ];
  const advice = choice.wanted === undefined ? "" : ` Python ${choice.wanted}`;
  return new DaemonError("unavailable", parts.join("\n"), {
    hint:
      fixed === undefined
        ? `Install${advice || " another Python"}, or uv, which can fetch it; or set PYTHON_INTERPRETER_PATH`
        : `Set PYTHON_INTERPRETER_PATH to${advice || " another Python"}, or unset it to let the daemon choose`,
  });
}
