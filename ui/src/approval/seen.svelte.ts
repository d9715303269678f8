// Whether all of a question was there to be read: its end has been in view.

export interface EndSeen {
  /** The end was in view once, or all of it fits. */
  readonly seen: boolean;
  /** There is more below that was not in view yet. */
  readonly more: boolean;
  /** It did not fit when it came, so it has to be scrolled. */
  readonly scrolls: boolean;
  /** For the element at the very end. */
  end(element: Element): () => void;
}

/**
 * Watches the end of what is asked. What was seen stays seen: what a person unfolds later is theirs
 * to read. Call it while the component of one question is set up.
 */
export function endSeen(): EndSeen {
  let seen = $state(false);
  let scrolls = $state(false);
  return {
    get seen() {
      return seen;
    },
    get more() {
      return scrolls && !seen;
    },
    get scrolls() {
      return scrolls;
    },
    end(element) {
      // Told of each paint in which it comes into view, whoever cuts it off: the scrolled part, or
      // the window.
      const observer = new IntersectionObserver((entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) {
          seen = true;
          observer.disconnect();
        } else {
          scrolls = true;
        }
      });
      observer.observe(element);
      return () => observer.disconnect();
    },
  };
}
