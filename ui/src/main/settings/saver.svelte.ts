// A field that is saved as soon as it is changed, and says so quietly.
import { action, type Action } from "../../lib/action.svelte";

/** How long “Saved” stands there. */
const SHOWN_MS = 2_000;

export interface Saver<Arguments extends unknown[]> extends Action<Arguments> {
  /** Whether it was saved just now. */
  readonly saved: boolean;
}

/** Wraps what saves the field. Call it while a component is set up. */
export function saver<Arguments extends unknown[]>(
  save: (...given: Arguments) => Promise<unknown>,
): Saver<Arguments> {
  const doing = action(save);
  let saved = $state(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  $effect(() => () => clearTimeout(timer));

  return {
    get busy() {
      return doing.busy;
    },
    get problem() {
      return doing.problem;
    },
    get saved() {
      return saved;
    },
    async run(...given) {
      clearTimeout(timer);
      saved = false;
      const done = await doing.run(...given);
      saved = done;
      timer = setTimeout(() => (saved = false), SHOWN_MS);
      return done;
    },
    clear: () => doing.clear(),
  };
}
