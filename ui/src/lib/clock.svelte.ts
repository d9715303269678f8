// The time of now for what ages on screen.

/** Shorter than this nobody reads; longer than this a timer may overflow. */
const SHORTEST_MS = 250;
const LONGEST_MS = 6 * 60 * 60 * 1000;

export interface Clock {
  /** Milliseconds since 1970, as fresh as `good` asked for. */
  readonly now: number;
}

/**
 * A clock that moves on when what it showed is no longer good: after `good(now)` milliseconds, and
 * whenever the page is seen again. It stands still while the page is hidden, and for good when
 * `good` is `Infinity`. Call it while a component is set up.
 */
export function clock(good: (now: number) => number): Clock {
  let now = $state(Date.now());

  $effect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (length: number) => {
      clearTimeout(timer);
      if (document.hidden || length === Infinity) return;
      timer = setTimeout(move, Math.min(Math.max(length, SHORTEST_MS), LONGEST_MS));
    };
    const move = () => {
      now = Date.now();
      wait(good(Date.now()));
    };
    document.addEventListener("visibilitychange", move);
    // Also reads, for this effect, what `good` depends on.
    move();
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", move);
    };
  });

  return {
    get now() {
      return now;
    },
  };
}
