import { afterEach, describe, expect, it, vi } from "vitest";

import { IpcError } from "../ipc";
import { button, clear, fakeIpc, settled, show } from "../testing";
import { action } from "./action.svelte";
import type { Live } from "./live.svelte";
import Probe from "./Probe.test.svelte";

afterEach(clear);

/** Questions whose answers wait for the test. */
function questions() {
  const open: { argument: string; answer(text: string): void; fail(reason: unknown): void }[] = [];
  const load = vi.fn(
    (argument: string) =>
      new Promise<string>((answer, fail) => open.push({ argument, answer, fail })),
  );
  return { open, load };
}

const output = () => document.querySelector("output")?.textContent;

describe("live data", () => {
  it("is asked for at once", async () => {
    const { open, load } = questions();
    await show(Probe, { ipc: fakeIpc(), load });
    expect(output()).toBe("nothing fine true");
    open[0]?.answer("one");
    await settled();
    expect(output()).toBe("one fine false");
  });

  it("is asked for again when something changed, and once more after many changes", async () => {
    const { open, load } = questions();
    const ipc = fakeIpc();
    await show(Probe, { ipc, load });
    ipc.change();
    ipc.change();
    ipc.change();
    await settled();
    expect(load).toHaveBeenCalledTimes(1);
    open[0]?.answer("one");
    await settled();
    expect(load).toHaveBeenCalledTimes(2);
    open[1]?.answer("two");
    await settled();
    expect(output()).toBe("two fine false");
    expect(load).toHaveBeenCalledTimes(2);
  });

  it("is asked for only when changes are heard: what changes in between would be missed", async () => {
    const { open, load } = questions();
    let listening: (stop: () => void) => void = () => {};
    const ipc = fakeIpc({ onChange: () => new Promise((give) => (listening = give)) });
    await show(Probe, { ipc, load });
    expect(load).not.toHaveBeenCalled();
    expect(output()).toBe("nothing fine true");
    listening(() => {});
    await settled();
    expect(load).toHaveBeenCalledOnce();
    open[0]?.answer("one");
    await settled();
    expect(output()).toBe("one fine false");
    expect(load).toHaveBeenCalledOnce();
  });

  it("is asked for at most once in a while where that is wanted", async () => {
    vi.useFakeTimers();
    try {
      const ipc = fakeIpc();
      const load = vi.fn(async () => `${load.mock.calls.length}`);
      let data: Live<string> | undefined;
      const ready = (given: Live<string>) => (data = given);
      await show(Probe, { ipc, load, ready, gap: 1000 });
      for (let news = 0; news < 10; news += 1) {
        ipc.change();
        await vi.advanceTimersByTimeAsync(90);
      }
      expect(load).toHaveBeenCalledTimes(1);
      await vi.advanceTimersByTimeAsync(100);
      await settled();
      expect(output()).toBe("2 fine false");
      // What a person asks for does not wait, and takes the place of what waited.
      ipc.change();
      await data?.reload();
      button("other").click();
      await settled();
      expect(load).toHaveBeenCalledTimes(4);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(load).toHaveBeenCalledTimes(4);
      ipc.change();
      await settled();
      expect(load).toHaveBeenCalledTimes(5);
      ipc.change();
      await clear();
      await vi.advanceTimersByTimeAsync(5_000);
      expect(load).toHaveBeenCalledTimes(5);
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps the last good answer beside a problem, and forgets the problem", async () => {
    const { open, load } = questions();
    const ipc = fakeIpc();
    await show(Probe, { ipc, load });
    open[0]?.answer("one");
    await settled();
    ipc.change();
    open[1]?.fail(new IpcError("unavailable", "Not now."));
    await settled();
    expect(output()).toBe("one unavailable false");
    ipc.change();
    open[2]?.answer("two");
    await settled();
    expect(output()).toBe("two fine false");
  });

  it("calls the app lost when it does not answer as itself", async () => {
    const { open, load } = questions();
    await show(Probe, { ipc: fakeIpc(), load });
    open[0]?.fail("gone");
    await settled();
    expect(output()).toBe("nothing lost false");
  });

  it("follows what the question depends on, and the newest question wins", async () => {
    const { open, load } = questions();
    await show(Probe, { ipc: fakeIpc(), load });
    button("other").click();
    await settled();
    expect(open.map(({ argument }) => argument)).toEqual(["first", "second"]);
    open[1]?.answer("newer");
    open[0]?.answer("older");
    await settled();
    expect(output()).toBe("newer fine false");
  });

  it("asks again on request", async () => {
    const { open, load } = questions();
    let data: Live<string> | undefined;
    await show(Probe, { ipc: fakeIpc(), load, ready: (given: Live<string>) => (data = given) });
    open[0]?.answer("one");
    await settled();
    const done = data?.reload();
    open[1]?.answer("two");
    await done;
    await settled();
    expect(output()).toBe("two fine false");
  });

  it("stops listening when the page goes, also before the app answered", async () => {
    const ipc = fakeIpc();
    await show(Probe, { ipc, load: async () => "one" });
    expect(ipc.listeners).toBe(1);
    await clear();
    expect(ipc.listeners).toBe(0);

    let listening: (stop: () => void) => void = () => {};
    const stop = vi.fn();
    const late = fakeIpc({ onChange: () => new Promise((give) => (listening = give)) });
    await show(Probe, { ipc: late, load: async () => "one" });
    await clear();
    listening(stop);
    await settled();
    expect(stop).toHaveBeenCalledOnce();
  });

  it("says so when it cannot listen", async () => {
    const ipc = fakeIpc({ onChange: () => Promise.reject(new Error("gone")) });
    await show(Probe, { ipc, load: async () => "one" });
    expect(output()).toBe("one lost false");
  });
});

describe("an action", () => {
  it("runs one at a time and says whether it succeeded", async () => {
    let finish = () => {};
    const work = vi.fn(() => new Promise<void>((done) => (finish = done)));
    const doing = action(work);
    const first = doing.run();
    expect(doing.busy).toBe(true);
    expect(await doing.run()).toBe(false);
    finish();
    expect(await first).toBe(true);
    expect(work).toHaveBeenCalledOnce();
    expect(doing.busy).toBe(false);
  });

  it("keeps why it failed until the next try or until it is forgotten", async () => {
    const answers = [new IpcError("conflict", "It exists already."), new Error("what?")];
    const doing = action(() => Promise.reject(answers.shift() ?? new Error()));
    expect(await doing.run()).toBe(false);
    expect(doing.problem).toEqual({ code: "conflict", message: "It exists already." });
    await doing.run();
    expect(doing.problem?.code).toBe("lost");
    doing.clear();
    expect(doing.problem).toBeUndefined();
  });
});
