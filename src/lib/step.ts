/**
 * Runs a named part of longer work, so that somebody can follow how long each took. What runs within it gets a
 * `RunStep` of its own, whose steps are parts of this one.
 */
export type RunStep = <T>(name: string, work: (step: RunStep) => Promise<T>) => Promise<T>;

/** Nobody follows. */
export const runStep: RunStep = (_name, work) => work(runStep);
