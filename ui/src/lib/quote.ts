// Text of strangers, made safe to look at: what cannot be seen, or changes how the rest is read,
// is spelled out.

/** A part of a quotation: text as it is, or the name of a character that cannot be shown. */
export interface Part {
  text: string;
  named: boolean;
}

export interface Quotation {
  parts: Part[];
  /** How many characters are not among the parts. */
  left: number;
}

/** What “show all” shows at most. */
export const MOST = 4_000;

/** Marks above and below one letter; more than a language needs only hide what is around. */
const MOST_MARKS = 3;

/* Controls, formats (all that turns the direction of writing), line and paragraph separators,
   private and unassigned characters, lone surrogates; and letters that look like nothing. The
   selector that makes an emoji colourful stays. */
const UNSEEN = /(?!\ufe0f)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;
const SPACE = /\p{Zs}/u;
const MARK = /\p{M}/u;

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/**
 * What fits into `limit` characters; a name counts as long as it is. With `lines`, line breaks and
 * tabs are what they are; without, they are named as well.
 */
export function quotation(text: string, limit: number, lines = false): Quotation {
  const parts: Part[] = [];
  let room = limit;
  let shown = 0;
  let total = 0;
  let marks = 0;
  for (const character of text) {
    total += 1;
    if (room <= 0) continue;
    shown += 1;
    marks = MARK.test(character) ? marks + 1 : 0;
    const kept = lines && (character === "\n" || character === "\t");
    const named = !kept && (UNSEEN.test(character) || marks > MOST_MARKS);
    const seen = named ? nameOf(character) : !kept && SPACE.test(character) ? " " : character;
    room -= named ? seen.length : 1;
    const last = parts.at(-1);
    if (last && !last.named && !named) last.text += seen;
    else parts.push({ text: seen, named });
  }
  return { parts, left: total - shown };
}
