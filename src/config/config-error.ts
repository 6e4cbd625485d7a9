/** One variable whose value cannot be used. */
export interface ConfigProblem {
  readonly variable: string;
  /** As it was given; absent for secrets and for what is not set at all. */
  readonly value?: string;
  /** Completes the sentence "must be …". */
  readonly allowed: string;
}

/** Everything that is wrong with the settings, at once. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const settings = problems.length === 1 ? "setting" : "settings";
    super([`Cannot use ${problems.length} ${settings}`, ...problems.map(sentence)].join("\n  "));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

function sentence(problem: ConfigProblem): string {
  const given = problem.value === undefined ? "" : ` is ${quoted(problem.value)} but`;
  return `${problem.variable}${given} must be ${problem.allowed}`;
}

function quoted(value: string): string {
  return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value);
}
