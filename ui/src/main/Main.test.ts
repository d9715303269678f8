import { flushSync, mount, tick, unmount } from "svelte";
import { afterEach, describe, expect, it } from "vitest";

import { IpcError, type Ipc, type Status } from "../ipc";
import Main from "./Main.svelte";
import { approvalWords, stateWords } from "./words";

const OPEN: Status = {
  state: "open",
  version: "0.1.0",
  connector_url: "http://127.0.0.1:8787/mcp",
  public_url: null,
  key_place: "keychain",
  warning: null,
  pending_approvals: 0,
};

/** The app as this page sees it, with the state in the test's hands. */
class FakeIpc implements Ipc {
  listeners = 0;
  #changed: () => void = () => {};

  constructor(public answer: Status | Error) {}

  async status(): Promise<Status> {
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }

  async onChange(changed: () => void): Promise<() => void> {
    this.listeners += 1;
    this.#changed = changed;
    return () => {
      this.listeners -= 1;
    };
  }

  become(answer: Status | Error) {
    this.answer = answer;
    this.#changed();
  }
}

let page: ReturnType<typeof mount> | undefined;

async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await tick();
  flushSync();
}

async function show(fake: FakeIpc): Promise<HTMLElement> {
  document.body.replaceChildren();
  page = mount(Main, { target: document.body, props: { ipc: fake } });
  await settled();
  return document.body;
}

afterEach(async () => {
  if (page) await unmount(page);
  page = undefined;
});

describe("the main window", () => {
  it("says that the bridge is open and shows the connector URL", async () => {
    const body = await show(new FakeIpc(OPEN));
    expect(body.querySelector("h1")?.textContent).toBe("Open on this computer");
    expect(body.querySelector("input")?.value).toBe("http://127.0.0.1:8787/mcp");
    expect(body.querySelector("svg")?.getAttribute("aria-label")).toBe("bridge down");
    expect(body.textContent).toContain("Drawbridge 0.1.0");
  });

  it("shows no URL while closed", async () => {
    const body = await show(new FakeIpc({ ...OPEN, state: "closed" }));
    expect(body.querySelector("h1")?.textContent).toBe("Closed");
    expect(body.querySelector("input")).toBeNull();
  });

  it("follows the app", async () => {
    const fake = new FakeIpc({ ...OPEN, state: "opening" });
    const body = await show(fake);
    expect(body.querySelector("h1")?.textContent).toBe("Opening…");
    fake.become({ ...OPEN, pending_approvals: 2 });
    await settled();
    expect(body.querySelector("h1")?.textContent).toBe("Open on this computer");
    expect(body.textContent).toContain("2 approvals wait for you");
  });

  it("says what to do when the app does not answer, and asks again", async () => {
    const fake = new FakeIpc(new Error("gone"));
    const body = await show(fake);
    expect(body.querySelector("[role=alert] h1")?.textContent).toBe("This window lost the app");
    fake.answer = OPEN;
    body.querySelector("button")?.click();
    await settled();
    expect(body.querySelector("[role=alert]")).toBeNull();
  });

  it("says why Drawbridge did not start", async () => {
    const fake = new FakeIpc(new IpcError("failed", "Port 8787 cannot be used."));
    const body = await show(fake);
    expect(body.querySelector("[role=alert] h1")?.textContent).toBe("Not open");
    expect(body.textContent).toContain("Port 8787 cannot be used.");
  });

  it("waits calmly while Drawbridge starts", async () => {
    const fake = new FakeIpc(OPEN);
    fake.status = () => new Promise<Status>(() => {});
    const body = await show(fake);
    expect(body.querySelector("h1")?.textContent).toBe("Opening…");
  });

  it("sets warnings apart and never reads them as markup", async () => {
    const body = await show(new FakeIpc({ ...OPEN, warning: "<b>copying</b> copies the key" }));
    expect(body.querySelector(".notice")?.textContent).toContain("<b>copying</b>");
    expect(body.querySelector(".notice b")).toBeNull();
  });

  it("stops listening when it goes", async () => {
    const fake = new FakeIpc(OPEN);
    await show(fake);
    expect(fake.listeners).toBe(1);
    if (page) await unmount(page);
    page = undefined;
    expect(fake.listeners).toBe(0);
  });
});

describe("the copy button", () => {
  it("copies the URL and says so", async () => {
    let copied = "";
    Object.defineProperty(navigator, "clipboard", {
      configurable: true,
      value: { writeText: async (text: string) => void (copied = text) },
    });
    const body = await show(new FakeIpc(OPEN));
    const button = body.querySelector("button");
    button?.click();
    await settled();
    expect(copied).toBe("http://127.0.0.1:8787/mcp");
    expect(button?.textContent).toBe("Copied");
  });

  it("leaves the URL to the keyboard where the clipboard is refused", async () => {
    Object.defineProperty(navigator, "clipboard", {
      configurable: true,
      value: { writeText: () => Promise.reject(new Error("refused")) },
    });
    const body = await show(new FakeIpc(OPEN));
    const button = body.querySelector("button");
    button?.click();
    await settled();
    expect(button?.textContent).toBe("Press Ctrl+C");
  });
});

describe("the words", () => {
  it("says where to look when something needs attention", () => {
    const words = stateWords({ ...OPEN, state: "attention" });
    expect(words.title).toBe("Needs attention");
    expect(words.explanation).toContain("drawbridge status");
  });

  it("tells an open bridge on the internet from one on this computer", () => {
    expect(stateWords({ ...OPEN, public_url: "https://bridge.example" }).title).toBe("Open");
    expect(stateWords(OPEN).title).toBe("Open on this computer");
  });

  it("counts approvals", () => {
    expect(approvalWords(1)).toBe("One approval waits for you");
    expect(approvalWords(3)).toBe("3 approvals wait for you");
  });
});
