// Which keys act in the approval window. A key that was meant for something else must never let
// anybody in.

export interface Key {
  key: string;
  /** Held down, and so perhaps since before this window was there. */
  repeat: boolean;
}

/** What a key does: nothing, turn the question away, or what it does everywhere. */
export type Effect = "nothing" | "deny" | "usual";

/** Keys that press buttons. */
const PRESSING = new Set(["Enter", " ", "Escape"]);

export function effectOf({ key, repeat }: Key, settled: boolean, onApprove: boolean): Effect {
  if (!settled) return "nothing";
  if (repeat && PRESSING.has(key)) return "nothing";
  if (key === "Escape") return "deny";
  if (key === "Enter" && onApprove) return "nothing";
  return "usual";
}
