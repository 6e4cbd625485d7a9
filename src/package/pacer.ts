/** Longest stretch of work between two looks at the event loop. */
const SLICE_MS = 8;

/** Gives way to the event loop when the work since the last time took long enough; else it returns at once. */
export type Pacer = () => Promise<void>;

export function startPacer(now: () => number = () => performance.now()): Pacer {
  let since = now();
  return async () => {
    if (now() - since < SLICE_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    since = now();
  };
}
