// What the list shows of what is loaded: filtered, and in days. Pure; the moment is a parameter.
import type { ActivityView } from "../../ipc";
import { outcomeWords, plain, sentence, topicOf, type Topic } from "./words";

/** How many lines the page asks for at first, and how many more each time. */
export const PAGE = 100;
/** What the engine answers at most. */
export const MOST = 1000;

/** News are asked for no more often: strangers can cause many, and each answer opens all that is shown. */
export const NEWS_GAP_MS = 1_000;

/** What the owner looks for. */
export interface Filter {
  /** `null` is everything. */
  topic: Topic | null;
  text: string;
}

/** The lines that match; every word of the text must be in the line somewhere. */
export function matching(lines: readonly ActivityView[], filter: Filter): ActivityView[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((line) => {
    if (filter.topic !== null && topicOf(line) !== filter.topic) return false;
    const text = searched(line);
    return words.every((word) => text.includes(word));
  });
}

function searched(line: ActivityView): string {
  const outcome = line.outcome === null ? "" : outcomeWords(line.outcome).word;
  return `${plain(sentence(line))} ${outcome} ${line.detail ?? ""}`.toLowerCase();
}

/** The lines of one day. */
export interface Day {
  /** The day itself, to tell it from the others. */
  key: string;
  heading: string;
  lines: ActivityView[];
}

/** Puts lines, newest first, under their days as the clock on the wall has them. */
export function days(lines: readonly ActivityView[], now: Date): Day[] {
  const found: Day[] = [];
  for (const line of lines) {
    const at = new Date(line.at);
    const key = dayKey(at);
    const last = found.at(-1);
    if (last?.key === key) last.lines.push(line);
    else found.push({ key, heading: dayHeading(at, now), lines: [line] });
  }
  return found;
}

function dayKey(at: Date): string {
  return `${at.getFullYear()}-${at.getMonth() + 1}-${at.getDate()}`;
}

function dayHeading(at: Date, now: Date): string {
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (dayKey(at) === dayKey(now)) return "Today";
  if (dayKey(at) === dayKey(yesterday)) return "Yesterday";
  return at.toLocaleDateString(undefined, {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
  });
}

/** How many lines are newer than this one; none when it is no longer among them. */
export function heldBack(lines: readonly ActivityView[], seen: string): number {
  return Math.max(
    0,
    lines.findIndex((line) => line.id === seen),
  );
}

export function newWords(count: number): string {
  return `${count} new`;
}

/** Milliseconds until the day ends by the clock on the wall, so that “Today” stays true. */
export function untilMidnight(now: number): number {
  const midnight = new Date(now);
  midnight.setHours(24, 0, 0, 0);
  return midnight.getTime() - now;
}
