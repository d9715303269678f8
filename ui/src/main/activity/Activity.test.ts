import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type ActivityView, type Ipc } from "../../ipc";
import { sampleActivity, sampleStatus } from "../../samples";
import { button, clear, fakeIpc, settled, show, type Fake } from "../../testing";
import Activity from "./Activity.svelte";
import { NEWS_GAP_MS } from "./list";

/** Tells the page whether the top of the list is in sight. */
let sight: (seen: boolean) => void = () => {};
let views: string[] = [];

class FakeObserver {
  constructor(told: (entries: { isIntersecting: boolean }[]) => void) {
    sight = (isIntersecting) => told([{ isIntersecting }]);
  }
  observe() {
    sight(true);
  }
  disconnect() {}
}

beforeEach(() => {
  vi.useFakeTimers({
    now: Date.parse("2026-03-10T12:00:00"),
    toFake: ["Date", "setTimeout", "clearTimeout", "performance"],
  });
  vi.stubGlobal("IntersectionObserver", FakeObserver);
  views = [];
});

afterEach(async () => {
  await clear();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function page(activity: Ipc["activity"]): Promise<{ body: HTMLElement; ipc: Fake<Ipc> }> {
  const ipc = fakeIpc({ activity });
  const body = await show(Activity, {
    ipc,
    status: sampleStatus(),
    show: (view: string) => void views.push(view),
  });
  return { body, ipc };
}

/** Tells the page of news, and lets it ask for them. */
async function happened(ipc: Fake<Ipc>) {
  ipc.change();
  await vi.advanceTimersByTimeAsync(NEWS_GAP_MS);
  await settled();
}

/** So many lines, the newest with the highest number. */
function lines(count: number): ActivityView[] {
  return Array.from({ length: count }, (_, at) =>
    sampleActivity({ id: String(count - at), at: "2026-03-10T11:00:00", tool: `t${count - at}` }),
  );
}

function tools(body: HTMLElement): string[] {
  return [...body.querySelectorAll("li bdi")]
    .map((each) => each.textContent ?? "")
    .filter((text) => /^t\d+$/.test(text));
}

async function type(body: HTMLElement, words: string) {
  const field = body.querySelector<HTMLInputElement>("[type=search]");
  if (!field) throw new Error("no search");
  field.value = words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await settled();
}

describe("activity", () => {
  it("tells a call: when, who, what, how it ended and how long it took", async () => {
    const { body } = await page(async () => [
      sampleActivity({ at: "2026-03-10T11:05:09", outcome: "failed", milliseconds: 1840 }),
      sampleActivity({ id: "0", at: "2026-03-09T11:05:09", kind: "bridge_opened", outcome: null }),
    ]);
    expect([...body.querySelectorAll("h2")].map((each) => each.textContent)).toEqual([
      "Today",
      "Yesterday",
    ]);
    const row = body.querySelector("li");
    const text = row?.textContent?.replaceAll(/\s+/g, " ").trim();
    expect(text).toContain("“ChatGPT” used search of notion");
    expect(text).toContain("Tool error");
    expect(text).toContain("1.8 s");
    expect(row?.querySelector("time")?.dateTime).toBe("2026-03-10T11:05:09");
    expect(row?.querySelector("time")?.title).not.toBe("");
  });

  it("never takes what a stranger wrote for markup", async () => {
    const { body } = await page(async () => [
      sampleActivity({ kind: "refused", client: "<i>x</i>", detail: "<b>y</b>" }),
    ]);
    expect(body.querySelector("li i, li b")).toBeNull();
    expect(body.textContent).toContain("<b>y</b>");
  });

  it("filters by topic and by text, and leads back to everything", async () => {
    const { body } = await page(async () => [
      sampleActivity({ id: "2" }),
      sampleActivity({ id: "1", kind: "connection_denied", outcome: null, milliseconds: null }),
    ]);
    const chip = [...body.querySelectorAll("label")].find(
      (each) => each.textContent?.trim() === "Connections",
    );
    chip?.querySelector("input")?.click();
    await settled();
    expect(body.querySelectorAll("li")).toHaveLength(1);
    expect(body.querySelector("li")?.textContent).toContain("You turned");
    await type(body, "search");
    expect(body.textContent).toContain("Nothing matches");
    button("Show everything").click();
    await settled();
    expect(body.querySelectorAll("li")).toHaveLength(2);
  });

  it("shows what is new at once while the top is in sight", async () => {
    let count = 2;
    const { body, ipc } = await page(async () => lines(count));
    count = 3;
    await happened(ipc);
    expect(tools(body)).toEqual(["t3", "t2", "t1"]);
  });

  it("asks for what is new once in a second, however much happens", async () => {
    const activity = vi.fn<Ipc["activity"]>(async () => lines(2));
    const { ipc } = await page(activity);
    for (let news = 0; news < 30; news += 1) {
      ipc.change();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(activity.mock.calls.length).toBeGreaterThan(2);
    expect(activity.mock.calls.length).toBeLessThan(5);
  });

  it("lets what is new wait while the owner reads further down", async () => {
    let count = 2;
    const { body, ipc } = await page(async () => lines(count));
    sight(false);
    count = 5;
    await happened(ipc);
    expect(tools(body)).toEqual(["t2", "t1"]);
    button("3 new").click();
    await settled();
    expect(tools(body)).toEqual(["t5", "t4", "t3", "t2", "t1"]);
  });

  it("shows what waited when the top is in sight again", async () => {
    let count = 1;
    const { body, ipc } = await page(async () => lines(count));
    sight(false);
    count = 2;
    await happened(ipc);
    expect(button("1 new")).toBeDefined();
    sight(true);
    await settled();
    expect(tools(body)).toEqual(["t2", "t1"]);
    expect(body.textContent).not.toContain("1 new");
  });

  it("loads more, and looks through that, too", async () => {
    const activity = vi.fn<Ipc["activity"]>(async (limit) => lines(5000).slice(0, limit));
    const { body } = await page(activity);
    expect(activity).toHaveBeenLastCalledWith(100);
    await type(body, "t4850");
    expect(body.textContent).toContain("None of the 100 lines");
    button("Show more").click();
    await settled();
    expect(activity).toHaveBeenLastCalledWith(200);
    expect(tools(body)).toEqual(["t4850"]);
  });

  it("says where the older ones are when the app has no more to give", async () => {
    const activity = vi.fn<Ipc["activity"]>(async (limit) => lines(5000).slice(0, limit));
    const { body } = await page(activity);
    await type(body, "none of them");
    for (let more = 0; more < 9; more += 1) {
      button("Show more").click();
      await settled();
    }
    expect(activity).toHaveBeenLastCalledWith(1000);
    expect(body.textContent).toContain("Older ones are in the log.");
    expect(body.textContent).not.toContain("Show more");
  });

  it("offers no more where there is none", async () => {
    const { body } = await page(async () => lines(3));
    expect(body.querySelectorAll("button")).toHaveLength(0);
  });

  it("says what will be here, and how it comes", async () => {
    const { body } = await page(async () => []);
    expect(body.textContent).toContain("Nothing has happened yet");
    button("Connect a client").click();
    expect(views).toEqual(["connect"]);
  });

  it("says why it cannot be read, and asks again", async () => {
    let broken = true;
    const { body } = await page(async () => {
      if (broken) throw new IpcError("failed", "The disk is full.");
      return lines(1);
    });
    expect(body.querySelector("[role=alert]")?.textContent).toContain("The disk is full.");
    broken = false;
    button("Try again").click();
    await settled();
    expect(tools(body)).toEqual(["t1"]);
  });
});
