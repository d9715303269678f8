import { describe, expect, it } from "vitest";

import { countdown, elapsed, relative } from "./time";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 2, 12, 9, 30);

describe("a relative time", () => {
  it.each([
    [0, "just now"],
    [59 * SECOND, "just now"],
    [MINUTE, "1 minute ago"],
    [5 * MINUTE + 59 * SECOND, "5 minutes ago"],
    [HOUR, "1 hour ago"],
    [23 * HOUR, "23 hours ago"],
    [DAY, "1 day ago"],
    [29 * DAY, "29 days ago"],
  ])("%i ms ago", (age, words) => {
    expect(relative(NOW - age, NOW).words).toBe(words);
  });

  it.each([
    [SECOND, "in less than a minute"],
    [MINUTE, "in 1 minute"],
    [MINUTE + SECOND, "in 2 minutes"],
    [HOUR, "in 1 hour"],
    [12 * DAY + 1, "in 13 days"],
  ])("in %i ms", (left, words) => {
    expect(relative(NOW + left, NOW).words).toBe(words);
  });

  it("is a date when a number of days says little", () => {
    expect(relative(NOW - 40 * DAY, NOW).words).toContain("2026");
    expect(relative(NOW + 400 * DAY, NOW).words).toContain("2027");
  });

  it.each([-100 * DAY, -3 * DAY, -5 * HOUR, -90 * SECOND, -1, 90 * SECOND, 5 * HOUR, 3 * DAY])(
    "%i ms from now says for how long it is good",
    (distance) => {
      const { words, good } = relative(NOW + distance, NOW);
      expect(good).toBeGreaterThan(0);
      expect(relative(NOW + distance, NOW + good - 1).words).toBe(words);
    },
  );
});

describe("what takes its time", () => {
  it.each([
    [-5, "0 s"],
    [8_999, "8 s"],
    [65 * SECOND, "1 min 5 s"],
    [3 * HOUR + 4 * MINUTE + 5, "3 h 4 min"],
  ])("%i ms", (milliseconds, words) => {
    expect(elapsed(milliseconds)).toBe(words);
  });
});

describe("a countdown", () => {
  it.each([
    [271 * SECOND, "4:31"],
    [270 * SECOND + 1, "4:31"],
    [9 * SECOND, "0:09"],
    [0, "0:00"],
    [-SECOND, "0:00"],
  ])("with %i ms left", (left, words) => {
    expect(countdown(NOW + left, NOW)).toBe(words);
  });
});
