import type { Scope } from "./scope.ts";

/** What every measurement needs. */
export interface RunSettings {
  /** Path of the compiled daemon. */
  readonly program: string;
  readonly scope: Scope;
  /** Shorter runs and fewer of them: to see that it works, not to judge by. */
  readonly quick: boolean;
}
