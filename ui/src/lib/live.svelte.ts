// What a page shows of the app, asked for again whenever something changed.
import { untrack } from "svelte";

import type { Ipc } from "../ipc";
import { problemOf, type Problem } from "./problem";

export interface Live<Data> {
  /** The last good answer; `undefined` before the first. */
  readonly data: Data | undefined;
  /** Why the last question failed; the data before it is kept. */
  readonly problem: Problem | undefined;
  /** Whether a question is on its way. */
  readonly loading: boolean;
  /** Asks again; done when the answer is shown. */
  reload(): Promise<void>;
}

/**
 * Loads as soon as it hears of changes, so that none is missed in between; when the app says that
 * something changed, but then at most once in `gap` milliseconds; and when anything reactive changes
 * that `load` reads before its first `await`. The newest question wins; news while one is on its way
 * lead to one more after it, so that a slow app is never flooded. Call it while a component is set
 * up: `const servers = live(() => ipc, () => ipc.servers())`.
 */
export function live<Data>(
  app: () => Pick<Ipc, "onChange">,
  load: () => Promise<Data>,
  gap = 0,
): Live<Data> {
  let data: Data | undefined = $state.raw();
  let problem: Problem | undefined = $state.raw();
  /** Why the app cannot tell that something changed: what is shown may be old. */
  let deaf: Problem | undefined = $state.raw();
  /** Whether the app tells what changes, or will never do. */
  let listening = $state(false);
  let loading = $state(true);
  let newest = 0;
  let running = false;
  let again = false;
  let gone = false;
  let askedAt = -Infinity;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    newest += 1;
    const mine = newest;
    const outdated = () => gone || mine !== newest;
    again = false;
    clearTimeout(waiting);
    waiting = undefined;
    askedAt = performance.now();
    running = loading = true;
    try {
      const answer = await load();
      if (!outdated()) [data, problem] = [answer, undefined];
    } catch (reason) {
      if (!outdated()) problem = problemOf(reason);
    }
    if (outdated()) return;
    running = loading = false;
    if (again) changed();
  }

  function changed() {
    const left = askedAt + gap - performance.now();
    if (running) again = true;
    else if (left <= 0) void ask();
    else waiting ??= setTimeout(() => void ask(), left);
  }

  $effect(() => {
    if (listening) void ask();
  });

  $effect(() => {
    let stop = () => {};
    untrack(() => app().onChange(changed))
      .then(
        (unlisten) => {
          if (gone) unlisten();
          else stop = unlisten;
        },
        (reason: unknown) => (deaf = problemOf(reason)),
      )
      .finally(() => (listening = true));
    return () => {
      gone = true;
      clearTimeout(waiting);
      stop();
    };
  });

  return {
    get data() {
      return data;
    },
    get problem() {
      return problem ?? deaf;
    },
    get loading() {
      return loading;
    },
    reload: ask,
  };
}
