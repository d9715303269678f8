import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { clear, fakeIpc, settled, show } from "../testing";
import Probe from "./Probe.test.svelte";

const START = Date.UTC(2026, 2, 12, 9, 30);
let hidden = false;

beforeEach(() => {
  hidden = false;
  vi.useFakeTimers({ now: START });
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
});

afterEach(async () => {
  await clear();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const now = () => Number(document.querySelector("time")?.textContent) - START;
const begin = (good: (now: number) => number) =>
  show(Probe, { ipc: fakeIpc(), load: async () => "", good });

async function pass(milliseconds: number) {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settled();
}

describe("the clock", () => {
  it("moves when what it showed is no longer good", async () => {
    await begin(() => 60_000);
    await pass(59_999);
    expect(now()).toBe(0);
    await pass(1);
    expect(now()).toBe(60_000);
    await pass(60_000);
    expect(now()).toBe(120_000);
  });

  it("is never faster than anyone reads", async () => {
    await begin(() => 1);
    await pass(249);
    expect(now()).toBe(0);
    await pass(1);
    expect(now()).toBe(250);
  });

  it("stands still where nothing ages", async () => {
    await begin(() => Infinity);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("sets no timer while nobody sees it, and is right again at once", async () => {
    await begin(() => 1_000);
    hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    await settled();
    expect(vi.getTimerCount()).toBe(0);
    await pass(90_500);
    hidden = false;
    document.dispatchEvent(new Event("visibilitychange"));
    await settled();
    expect(now()).toBe(90_500);
    await pass(1_000);
    expect(now()).toBe(91_500);
  });

  it("leaves no timer behind", async () => {
    await begin(() => 1_000);
    await clear();
    expect(vi.getTimerCount()).toBe(0);
  });
});
