// Times in words: pure, with "now" as a parameter.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** From here on a date says more than a number of days. */
const AS_DATE = 30 * DAY;

/** A time in words, and for how many milliseconds these words stay true. */
export interface Words {
  words: string;
  good: number;
}

const count = (number: number, unit: string) => `${number} ${unit}${number === 1 ? "" : "s"}`;

/** How long ago, or in how long; beyond 30 days the date. */
export function relative(at: number, now: number): Words {
  const distance = Math.abs(now - at);
  if (distance >= AS_DATE) return { words: day(at), good: DAY };
  return at <= now ? past(distance) : future(distance);
}

function past(age: number): Words {
  if (age < MINUTE) return { words: "just now", good: MINUTE - age };
  const unit = unitOf(age);
  const words = `${count(Math.floor(age / unit.length), unit.name)} ago`;
  return { words, good: unit.length - (age % unit.length) };
}

function future(left: number): Words {
  if (left < MINUTE) return { words: "in less than a minute", good: left };
  const unit = unitOf(left);
  const words = `in ${count(Math.ceil(left / unit.length), unit.name)}`;
  return { words, good: left % unit.length || unit.length };
}

function unitOf(distance: number): { length: number; name: string } {
  if (distance < HOUR) return { length: MINUTE, name: "minute" };
  if (distance < DAY) return { length: HOUR, name: "hour" };
  return { length: DAY, name: "day" };
}

function day(at: number): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "long" }).format(at);
}

/** The exact time, as this computer's user writes it. */
export function exact(at: number): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" }).format(at);
}

/** How long something takes already: `8 s`, `1 min 5 s`, `1 h 3 min`. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / SECOND));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What is left until then, as a clock shows it: `4:31`, `0:00`. */
export function countdown(until: number, now: number): string {
  const seconds = Math.max(0, Math.ceil((until - now) / SECOND));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
