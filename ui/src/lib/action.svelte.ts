// Something the user started, while it runs and if it fails.
import { problemOf, type Problem } from "./problem";

export interface Action<Arguments extends unknown[]> {
  /** Whether it runs now. */
  readonly busy: boolean;
  /** Why it failed last; gone with the next try. */
  readonly problem: Problem | undefined;
  /** Starts it, unless it runs already; answers whether it succeeded. Never throws. */
  run(...given: Arguments): Promise<boolean>;
  /** Forgets the problem. */
  clear(): void;
}

/** Wraps a question to the app so that a page can show that it runs and why it failed. */
export function action<Arguments extends unknown[]>(
  work: (...given: Arguments) => Promise<unknown>,
): Action<Arguments> {
  let busy = $state(false);
  let problem: Problem | undefined = $state.raw();
  return {
    get busy() {
      return busy;
    },
    get problem() {
      return problem;
    },
    async run(...given) {
      if (busy) return false;
      busy = true;
      problem = undefined;
      try {
        await work(...given);
        return true;
      } catch (reason) {
        problem = problemOf(reason);
        return false;
      } finally {
        busy = false;
      }
    },
    clear: () => (problem = undefined),
  };
}
