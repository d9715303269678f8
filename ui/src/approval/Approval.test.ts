import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type ApprovalIpc, type QuestionView } from "../ipc";
import { button, clear, fakeApprovalIpc, settled, show, type Fake } from "../testing";
import Approval from "./Approval.svelte";
import { asks, confirms, NOTION, tool } from "./samples";
import { SETTLE_MS } from "./settling.svelte";

/** Tells the page whether the end of the question is in view. */
let end: (inView: boolean) => void = () => {};
/** Whether a question is short enough for the window. */
let fits = true;

class FakeObserver {
  constructor(told: (entries: { isIntersecting: boolean }[]) => void) {
    end = (isIntersecting) => told([{ isIntersecting }]);
  }
  observe() {
    end(fits);
  }
  disconnect() {}
}

beforeEach(() => {
  fits = true;
  vi.stubGlobal("IntersectionObserver", FakeObserver);
  vi.useFakeTimers({ now: Date.UTC(2026, 2, 12, 9, 30) });
});

afterEach(async () => {
  await clear();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

interface Bench {
  ipc: Fake<ApprovalIpc>;
  decide: ReturnType<typeof vi.fn<ApprovalIpc["decide"]>>;
  confirm: ReturnType<typeof vi.fn<ApprovalIpc["confirm"]>>;
  become(next: QuestionView | null): Promise<void>;
}

async function bench(first: QuestionView | null): Promise<Bench> {
  let question = first;
  const decide = vi.fn<ApprovalIpc["decide"]>(async ({ id, terms }) => {
    question = null;
    return { id, approved: terms !== null, servers: terms?.servers ?? [] };
  });
  const confirm = vi.fn<ApprovalIpc["confirm"]>(async () => void (question = null));
  const ipc = fakeApprovalIpc({
    question: async () => question,
    decide,
    confirm,
    questionTools: async () => [],
    chooseServers: async () => undefined,
  });
  await show(Approval, { ipc });
  return {
    ipc,
    decide,
    confirm,
    async become(next) {
      question = next;
      ipc.change();
      await settled();
    },
  };
}

async function pass(milliseconds: number) {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settled();
}

/** A frame until the first paint, then the time to look. */
const settle = () => pass(16 + SETTLE_MS);

/** Presses a key where the focus is; answers whether the page let it be. */
function press(key: string, type: "keydown" | "keyup" = "keydown", repeat = false): boolean {
  const event = new KeyboardEvent(type, { key, repeat, bubbles: true, cancelable: true });
  return (document.activeElement ?? document.body).dispatchEvent(event);
}

const approve = () => button("Approve");
const text = () => document.body.textContent ?? "";
const one = (changes = {}) => asks({ choices: [NOTION], ...changes });

describe("settling", () => {
  it("lets nobody in for two seconds after the first paint", async () => {
    const { decide } = await bench(one());
    expect(approve().disabled).toBe(true);
    await pass(SETTLE_MS);
    expect(approve().disabled).toBe(true);
    await pass(16);
    expect(approve().disabled).toBe(false);
    expect(document.activeElement).toBe(document.body);
    approve().click();
    await settled();
    expect(decide).toHaveBeenCalledOnce();
  });

  it("begins anew when the window gets the focus, and takes the focus from everything", async () => {
    await bench(one());
    await settle();
    button("Deny").focus();
    window.dispatchEvent(new Event("focus"));
    await settled();
    expect(approve().disabled).toBe(true);
    expect(document.activeElement).toBe(document.body);
    await settle();
    expect(approve().disabled).toBe(false);
  });

  it("begins anew with another question, and with the same one that shows something else", async () => {
    const { become } = await bench(one());
    await settle();
    await become(one({ id: "A-2" }));
    expect(approve().disabled).toBe(true);
    await settle();
    await become(one({ id: "A-2", shown: "hash-2" }));
    expect(approve().disabled).toBe(true);
  });

  it("does not begin anew when only others come to wait", async () => {
    const { become } = await bench(one());
    await settle();
    await become({ ...one(), waiting: 3 });
    expect(text()).toContain("3 more wait behind this one");
    expect(approve().disabled).toBe(false);
  });

  it("takes no key, and leaves the usual ones afterwards", async () => {
    const { decide } = await bench(one());
    for (const key of ["Tab", "Enter", " ", "Escape", "a"]) {
      expect(press(key)).toBe(false);
      expect(press(key, "keyup")).toBe(false);
    }
    await settle();
    expect(press("Tab")).toBe(true);
    expect(decide).not.toHaveBeenCalled();
  });

  it("lets a deny through at any time", async () => {
    const { decide } = await bench(one());
    button("Deny").click();
    await settled();
    expect(decide).toHaveBeenCalledWith({ id: "A-1", shown: "hash-1", terms: null });
  });
});

describe("what is longer than the window", () => {
  const more = "Scroll to the end to read all of it";

  it.each([
    ["a connection", one, "Approve"],
    ["a confirmation", confirms, "Allow"],
  ])("is let in only after its end was in view: %s", async (_, asking, allow) => {
    fits = false;
    const { ipc, decide, confirm, become } = await bench(asking());
    const answers = () => decide.mock.calls.length + confirm.mock.calls.length;
    await settle();
    expect(text()).toContain(more);
    expect(button(allow).disabled).toBe(true);
    const described = button(allow).getAttribute("aria-describedby") ?? "";
    expect(document.getElementById(described)?.textContent).toContain(more);
    button(allow).click();
    await settled();
    expect(answers()).toBe(0);

    end(true);
    await settled();
    expect(text()).not.toContain(more);
    expect(button(allow).disabled).toBe(false);
    // What was seen stays seen, also when the list of tools unfolds; another question was not.
    ipc.change();
    await settled();
    expect(button(allow).disabled).toBe(false);
    await become(asking({ id: "N-2", shown: "hash-2" }));
    await settle();
    expect(text()).toContain(more);
    expect(button(allow).disabled).toBe(true);
  });

  it("is scrolled with the keyboard, and turned away at any time", async () => {
    fits = false;
    const { decide } = await bench(one());
    await settle();
    const content = document.querySelector<HTMLElement>(".content");
    expect(content?.tabIndex).toBe(0);
    content?.focus();
    for (const key of ["ArrowDown", "PageDown", "End", " "]) expect(press(key)).toBe(true);
    button("Deny").click();
    await settled();
    expect(decide).toHaveBeenCalledExactlyOnceWith({ id: "A-1", shown: "hash-1", terms: null });
  });

  it("does not let in earlier than what fits", async () => {
    fits = false;
    await bench(one());
    end(true);
    await settled();
    expect(approve().disabled).toBe(true);
    await settle();
    expect(approve().disabled).toBe(false);
    await clear();
    fits = true;
    await bench(one());
    expect(text()).not.toContain(more);
    expect(document.querySelector("[tabindex]")).toBeNull();
  });
});

describe("the answer", () => {
  it("carries the question, its hash and what was chosen", async () => {
    const { decide } = await bench(asks());
    await settle();
    expect(approve().disabled).toBe(true);
    const boxes = [...document.querySelectorAll<HTMLInputElement>("[type=checkbox]")];
    expect(boxes.map((box) => box.checked)).toEqual([false, false]);
    boxes[0]?.click();
    document.querySelector<HTMLInputElement>("[value=read-write]")?.click();
    expect(document.querySelector<HTMLInputElement>("[value=never]")?.checked).toBe(true);
    document.querySelector<HTMLInputElement>("[value='1d']")?.click();
    await settled();
    expect(text()).toContain("6 tools can change things · 2 will ask first");
    approve().click();
    await settled();
    expect(decide).toHaveBeenCalledWith({
      id: "A-1",
      shown: "hash-1",
      terms: { servers: ["notion"], access: "read-write", lifetime: "1d" },
    });
    expect(text()).toContain("Nothing waits for you");
  });

  it("has no part whose list takes the focus from the window", async () => {
    await bench(asks());
    expect(document.querySelector("select, [list], [type=date]")).toBeNull();
  });

  it("Esc denies, Enter on Approve does nothing, a held key neither", async () => {
    const { decide } = await bench(one());
    await settle();
    approve().focus();
    expect(press("Enter")).toBe(false);
    expect(press("Escape", "keydown", true)).toBe(false);
    expect(decide).not.toHaveBeenCalled();
    expect(press(" ")).toBe(true);
    press("Escape");
    await settled();
    expect(decide).toHaveBeenCalledExactlyOnceWith({ id: "A-1", shown: "hash-1", terms: null });
  });

  it("takes no click that began before it was allowed", async () => {
    const { decide } = await bench(one());
    approve().dispatchEvent(new Event("pointerdown", { bubbles: true }));
    await settle();
    approve().dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
    await settled();
    expect(decide).not.toHaveBeenCalled();
    approve().dispatchEvent(new Event("pointerdown", { bubbles: true }));
    approve().dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
    await settled();
    expect(decide).toHaveBeenCalledOnce();
  });

  it("is given once", async () => {
    const { ipc, decide } = await bench(one());
    let finish = () => {};
    decide.mockImplementation(
      () =>
        new Promise((done) => (finish = () => done({ id: "A-1", approved: true, servers: [] }))),
    );
    await settle();
    approve().click();
    await settled();
    expect(approve().disabled).toBe(true);
    press("Escape");
    button("Deny").click();
    finish();
    await settled();
    // The app still shows it: it was answered all the same.
    ipc.change();
    await settled();
    button("Deny").click();
    expect(decide).toHaveBeenCalledOnce();
  });

  it("that did not count is said, with what comes next beside it", async () => {
    const { ipc, decide } = await bench(one());
    decide.mockImplementation(async () => {
      ipc.question = async () => one({ id: "A-2", redirect_host: "claude.ai" });
      throw new IpcError("not_found", "It was withdrawn after five minutes.");
    });
    await settle();
    approve().click();
    await settled();
    expect(document.querySelector("[role=alert]")?.textContent).toContain("That question is gone");
    expect(document.querySelector("[role=alert]")?.textContent).toContain("withdrawn");
    expect(text()).toContain("claude.ai");
    expect(approve().disabled).toBe(true);
  });
});

describe("another question", () => {
  it("replaces the one before with all that was chosen", async () => {
    const { become } = await bench(asks());
    document.querySelector<HTMLInputElement>("[type=checkbox]")?.click();
    document.querySelector<HTMLInputElement>("[value=read-write]")?.click();
    await settled();
    await become(asks({ shown: "hash-2", redirect_host: "claude.ai" }));
    expect(text()).toContain("claude.ai");
    const boxes = [...document.querySelectorAll<HTMLInputElement>("[type=checkbox]")];
    expect(boxes.some((box) => box.checked)).toBe(false);
    expect(document.querySelector<HTMLInputElement>("[value=read]")?.checked).toBe(true);
  });

  it("keeps what was chosen while it is the same", async () => {
    const { become } = await bench(asks());
    document.querySelector<HTMLInputElement>("[type=checkbox]")?.click();
    await settled();
    await become(asks({}, 1));
    expect(document.querySelector<HTMLInputElement>("[type=checkbox]")?.checked).toBe(true);
  });
});

describe("the time left", () => {
  it("is counted, and then nothing can be approved", async () => {
    const { decide } = await bench(one());
    expect(text()).toContain("4:31 left");
    await pass(10_000);
    expect(text()).toContain("4:21 left");
    await pass(261_000);
    expect(text()).toContain("Time is up: nobody was let in");
    expect(approve().disabled).toBe(true);
    approve().click();
    expect(decide).not.toHaveBeenCalled();
  });
});

describe("what it says", () => {
  it("of a host we know", async () => {
    await bench(one());
    expect(text()).toContain("goes back there");
    expect(text()).toContain("calls itself");
    expect(text()).toContain("Whoever started this there gets in.");
    expect(text()).toContain("From this computer’s browser");
    expect(text()).toContain("Approve only if that was you, just now.");
    expect(text()).not.toContain("PKCE");
  });

  it("of a host that anyone can have", async () => {
    await bench(one({ redirect_known: false }));
    expect(text()).toContain("not verified: anyone can use this name");
    expect(text()).not.toContain("goes back there");
  });

  it("of a program on this computer, without a mark", async () => {
    await bench(one({ redirect_loopback: true, redirect_host: "127.0.0.1:4100", pkce: false }));
    expect(text()).toContain("A program on this computer");
    expect(text()).toContain("that says it is");
    expect(text()).not.toContain("goes back there");
    expect(text()).toContain("PKCE");
  });

  it("never reads a stranger's name as markup", async () => {
    await bench(one({ client: "<b>ChatGPT</b>\u202e" }));
    expect(document.querySelector("b")).toBeNull();
    expect(text()).toContain("<b>ChatGPT</b>U+202E");
  });

  it("when there is nothing to choose", async () => {
    const { ipc } = await bench(asks({ choices: [] }));
    const choose = vi.fn(async () => undefined);
    ipc.chooseServers = choose;
    await settle();
    expect(text()).toContain("Nothing to choose");
    expect(approve().disabled).toBe(true);
    button("Choose servers").click();
    expect(choose).toHaveBeenCalledOnce();
  });

  it("of each tool, when asked, the dangerous ones first", async () => {
    const { ipc } = await bench(one());
    ipc.questionTools = async () => [
      tool("search"),
      tool("trash", { kind: "destroys", rule: "ask" }),
    ];
    await settle();
    const details = document.querySelector("details");
    if (details) {
      details.open = true;
      details.dispatchEvent(new Event("toggle"));
    }
    await settled();
    const lines = [...document.querySelectorAll("li")].map((line) => line.textContent);
    expect(lines[0]).toContain("trash");
    expect(lines[1]).toContain("search");
  });

  it("when nothing waits, and when the app is gone", async () => {
    const { ipc } = await bench(null);
    expect(text()).toContain("Nothing waits for you");
    ipc.question = () => Promise.reject(new Error("gone"));
    await clear();
    await show(Approval, { ipc });
    expect(text()).toContain("Nobody was let in");
    expect(press("Escape")).toBe(true);
  });
});

describe("a confirmation", () => {
  it("is asked under the same rules", async () => {
    const { confirm, become } = await bench(confirms());
    expect(text()).toContain("Add this server and start it?");
    expect(text()).toContain("A command in a terminal");
    expect(text()).toContain("npx -y notion-mcp");
    expect(button("Allow").disabled).toBe(true);
    expect(press("Escape")).toBe(false);
    await settle();
    button("Allow").focus();
    expect(press("Enter")).toBe(false);
    button("Allow").click();
    await settled();
    expect(confirm).toHaveBeenCalledExactlyOnceWith({ id: "C-1", shown: "hash-c", allow: true });

    await become(confirms({ id: "C-2" }));
    await settle();
    press("Escape");
    await settled();
    expect(confirm).toHaveBeenLastCalledWith({ id: "C-2", shown: "hash-c", allow: false });
  });

  it("shows all there is to it", async () => {
    await bench(confirms({ details: [{ label: "Command", value: "x".repeat(16_000) }] }));
    expect(text()).toContain("x".repeat(16_000));
    expect(text()).not.toContain("show all");
  });
});
