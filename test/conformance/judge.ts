import { covers, type Difference } from "./compare.ts";
import type { StepOutcome } from "./run-scenario.ts";

/** Where we differ from the reference on purpose. */
export interface Deviation {
  readonly scenario: string;
  readonly step: string;
  /** Paths in the answer that are meant to differ, with all below them; `*` stands for any key or index. */
  readonly paths: readonly string[];
  readonly reason: string;
  /** Where it was decided. */
  readonly decidedIn: string;
}

/**
 * What is wrong with a run, a line for each finding: steps that differ where no deviation says so, and deviations that
 * are stale, because their step is gone or no longer differs there. Empty when all is well.
 */
export function judge(
  outcomes: readonly StepOutcome[],
  deviations: readonly Pick<Deviation, "step" | "paths">[],
): string[] {
  const steps = new Set(outcomes.map(({ step }) => step));
  const gone = deviations
    .filter(({ step }) => !steps.has(step))
    .map(({ step }) => `${step}: a deviation is listed, but there is no such step`);
  return [
    ...gone,
    ...outcomes.flatMap(({ step, differences }) => {
      const paths = deviations.filter((deviation) => deviation.step === step).flatMap(({ paths }) => paths);
      const unexpected = differences.filter(({ path }) => !paths.some((pattern) => covers(pattern, path)));
      const stale = paths.filter((pattern) => !differences.some(({ path }) => covers(pattern, path)));
      return [
        ...unexpected.map((difference) => `${step}: ${describe(difference)}`),
        ...stale.map((pattern) => `${step}: ${pattern} is listed as a deviation, but is as recorded`),
      ];
    }),
  ];
}

function describe({ path, problem }: Difference): string {
  return path === "" ? problem : `${path}: ${problem}`;
}
