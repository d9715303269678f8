import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type Ipc, type Status, type View } from "../ipc";
import { sampleStatus } from "../samples";
import { button, clear, fakeIpc, settled, show, type Fake } from "../testing";
import Main from "./Main.svelte";
import { badges } from "./views";
import { approvalWords, hostOf, keyPlaceWords, missedWords, stateWords } from "./words";

const PROGRESS = { registered_at: null, approved_at: null, first_call_at: null };

let ask: (view: View) => void;

function app(status: () => Promise<Status>, answers: Partial<Ipc> = {}): Fake<Ipc> {
  return fakeIpc({
    status,
    checklist: async () => ({ chatgpt: PROGRESS, claude: PROGRESS, other: PROGRESS }),
    shownView: async () => null,
    onShowView: async (showView) => {
      ask = showView;
      return () => {};
    },
    servers: async () => [],
    connections: async () => [],
    activity: async () => [],
    staticClient: async () => null,
    ...answers,
  });
}

const open = (change: Partial<Status> = {}) => app(async () => sampleStatus(change));

const page = (ipc: Ipc) => show(Main, { ipc });
const heading = () => document.querySelector("h1")?.textContent?.trim();
const current = () => document.querySelector("[aria-current=page]")?.getAttribute("title");
const rail = (word: string) => document.querySelector<HTMLElement>(`nav [title="${word}"]`);

beforeEach(() => {
  ask = () => expect.fail("nobody listens to the app");
});

afterEach(clear);

describe("the window", () => {
  it("waits calmly while Drawbridge starts, and can be quit", async () => {
    const quit = vi.fn(async () => {});
    await page(app(() => new Promise(() => {}), { quit }));
    expect(heading()).toBe("Starting…");
    expect(document.body.textContent).toContain("If your keychain asks, unlock it.");
    button("Quit").click();
    expect(quit).toHaveBeenCalledOnce();
  });

  it("says why Drawbridge did not start, and starts it again", async () => {
    const failed = new IpcError("failed", "Another Drawbridge uses this folder.");
    const ipc = app(() => Promise.reject(failed));
    ipc.retryStart = async () => void (ipc.status = async () => sampleStatus());
    await page(ipc);
    expect(document.querySelector("[role=alert]")?.textContent).toContain(failed.message);
    button("Start again").click();
    await settled();
    expect(heading()).toBe("Open");
  });

  it("says why it did not start this time", async () => {
    const ipc = app(() => Promise.reject(new IpcError("failed", "The first reason.")));
    ipc.retryStart = () => Promise.reject(new IpcError("failed", "The second reason."));
    await page(ipc);
    button("Start again").click();
    await settled();
    expect(document.querySelector("[role=alert]")?.textContent).toContain("The second reason.");
  });

  it("says what to do when the app does not answer, and asks again", async () => {
    const ipc = app(() => Promise.reject(new Error("gone")));
    await page(ipc);
    expect(heading()).toBe("This window lost the app");
    ipc.status = async () => sampleStatus();
    button("Ask again").click();
    await settled();
    expect(heading()).toBe("Open");
  });

  it("keeps what it shows when one question fails", async () => {
    const ipc = open();
    await page(ipc);
    ipc.status = () => Promise.reject(new IpcError("failed", "The disk is full."));
    ipc.change();
    await settled();
    expect(heading()).toBe("Open");
    expect(document.querySelector("[role=alert]")?.textContent).toContain("The disk is full.");
  });

  it("follows the app", async () => {
    const ipc = open();
    await page(ipc);
    ipc.status = async () => sampleStatus({ state: "closed" });
    ipc.change();
    await settled();
    expect(heading()).toBe("Closed");
  });

  it("leads to the approval that waits", async () => {
    const ipc = open({ pending_approvals: 2 });
    ipc.showQuestion = vi.fn(async () => {});
    const body = await page(ipc);
    expect(body.textContent).toContain("2 approvals wait for you");
    button("Show").click();
    expect(ipc.showQuestion).toHaveBeenCalledOnce();
  });

  it("says once that closing it quits, where there is no tray", async () => {
    const body = await page(open({ tray: false, tray_notice: true }));
    expect(body.textContent).toContain("Closing this window quits Drawbridge");
    button("I see").click();
    await settled();
    expect(body.textContent).not.toContain("Closing this window quits Drawbridge");
  });

  it("stops listening when it goes", async () => {
    const ipc = open();
    await page(ipc);
    expect(ipc.listeners).toBeGreaterThan(0);
    await clear();
    expect(ipc.listeners).toBe(0);
  });
});

describe("the views", () => {
  it("begin with Connect and follow the rail", async () => {
    await page(open());
    expect(current()).toBe("Connect");
    rail("Servers")?.click();
    await settled();
    expect(current()).toBe("Servers");
    expect(heading()).toBe("Servers");
  });

  it("begin with what was asked for before the page listened", async () => {
    const ipc = open();
    ipc.shownView = async () => "servers";
    await page(ipc);
    expect(current()).toBe("Servers");
  });

  it("follow the app, with the focus", async () => {
    await page(open());
    ask("servers");
    await settled();
    expect(current()).toBe("Servers");
    expect(document.activeElement?.tagName).toBe("MAIN");
  });

  it("load the others when they are wanted", async () => {
    await page(open());
    rail("Activity")?.click();
    await vi.waitFor(() => expect(heading()).toBe("Activity"));
  });

  it("lead from the first step to the form that adds a server", async () => {
    await page(open({ servers: 0, connections: 0 }));
    button("Add a server").click();
    await settled();
    expect(current()).toBe("Servers");
    expect(heading()).toBe("Add a server");
    // Pressed by mistake, the rail does not throw away what was typed.
    rail("Servers")?.click();
    await settled();
    expect(heading()).toBe("Add a server");
    button("Cancel").click();
    await settled();
    expect(heading()).toBe("Servers");
  });

  it("remember that the URL was copied", async () => {
    const ipc = open({ servers: 1, connections: 0, state: "closed" });
    ipc.copyText = async () => {};
    await page(ipc);
    button("Copy Connector URL").click();
    await settled();
    rail("Servers")?.click();
    await settled();
    rail("Connect")?.click();
    await settled();
    const done = [...document.querySelectorAll("h3")].map((title) => title.textContent);
    expect(done).toContain("Copy the connector URL, done");
  });

  it("are counted in the rail, for eyes and ears", async () => {
    await page(open({ servers: 2, connections: 1 }));
    expect(rail("Servers")?.getAttribute("aria-label")).toBe("Servers, 2 servers");
    expect(rail("Connections")?.getAttribute("aria-label")).toBe("Connections, 1 connection");
    expect(rail("Settings")?.getAttribute("aria-label")).toBe("Settings");
    expect(badges(sampleStatus({ servers: 0, connections: 0 }))).toEqual({});
  });
});

describe("the words", () => {
  const status = sampleStatus();

  it("tell an open bridge on the internet from one on this computer", () => {
    expect(stateWords(status).title).toBe("Open");
    expect(stateWords(status).explanation).toContain("bridge.example");
    expect(stateWords({ ...status, public_url: null }).title).toBe("Open on this computer");
  });

  it("say what keeps it from opening", () => {
    const problem = { code: "unavailable", message: "Port 8787 is in use." } as const;
    const words = stateWords({ ...status, state: "attention", problem });
    expect(words).toEqual({ title: "Needs attention", explanation: "Port 8787 is in use." });
    expect(stateWords({ ...status, state: "attention" }).explanation).toContain("keeps it from");
  });

  it("name the other states", () => {
    expect(stateWords({ ...status, state: "closed" }).title).toBe("Closed");
    expect(stateWords({ ...status, state: "opening" }).title).toBe("Opening…");
  });

  it("count approvals", () => {
    expect(approvalWords(1)).toBe("1 approval waits for you");
    expect(approvalWords(3)).toBe("3 approvals wait for you");
  });

  it("count what was kept away", () => {
    expect(missedWords(1)).toContain("1 request to connect was kept away");
    expect(missedWords(12)).toContain("12 requests to connect were kept away");
  });

  it("name hosts and places", () => {
    expect(hostOf("https://bridge.example:8443/mcp")).toBe("bridge.example:8443");
    expect(hostOf("nonsense")).toBe("nonsense");
    expect(keyPlaceWords("file")).toBe("in a file beside the data");
  });
});
