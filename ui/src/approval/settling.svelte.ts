// The time in which nothing can be approved, because nobody can have read it yet.

/** How long what is on screen must have stood still. The app holds to the same by itself. */
export const SETTLE_MS = 2_000;

export interface Settling {
  /** Whether the person had the time to look. */
  readonly settled: boolean;
}

/**
 * Begins anew when `content` names something else, when the window gets the focus, and when the
 * page is seen again; the time counts from the first paint afterwards, so a page that nobody sees
 * never settles. Whatever had the focus loses it. Call it while a component is set up.
 */
export function settling(content: () => string | undefined): Settling {
  let settled = $state(false);

  $effect(() => {
    let paint = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      cancelAnimationFrame(paint);
      clearTimeout(timer);
    };
    const begin = () => {
      stop();
      settled = false;
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      paint = requestAnimationFrame(() => {
        timer = setTimeout(() => (settled = true), SETTLE_MS);
      });
    };
    if (content() === undefined) {
      settled = false;
      return;
    }
    begin();
    window.addEventListener("focus", begin);
    document.addEventListener("visibilitychange", begin);
    return () => {
      stop();
      window.removeEventListener("focus", begin);
      document.removeEventListener("visibilitychange", begin);
    };
  });

  return {
    get settled() {
      return settled;
    },
  };
}
