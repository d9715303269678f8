import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type ChecklistView, type Ipc, type Status } from "../../ipc";
import { sampleStatus } from "../../samples";
import { button, clear, fakeIpc, settled, show, type Fake } from "../../testing";
import Connect from "./Connect.svelte";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const NOTHING = { registered_at: null, approved_at: null, first_call_at: null };
const NOBODY: ChecklistView = { chatgpt: NOTHING, claude: NOTHING, other: NOTHING };
const LOCAL = {
  public_url: null,
  connector_url: "http://127.0.0.1:8787/mcp",
  tunnel: "off",
  tunnel_url: null,
} as const;
const CLIENT = {
  client_id: "drawbridge",
  redirect_uris: ["https://client.example/back"],
  authorization_url: "https://bridge.example/oauth/authorize",
  token_url: "https://bridge.example/oauth/token",
};
const SECRET = "a-secret-that-is-not-to-be-kept";

let copied: string[] = [];
let views: string[] = [];
let added = 0;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date", "setTimeout", "clearTimeout"] });
  [copied, views, added] = [[], [], 0];
});

afterEach(async () => {
  await clear();
  vi.useRealTimers();
});

async function page(status: Partial<Status> = {}, answers: Partial<Ipc> = {}): Promise<Fake<Ipc>> {
  const ipc = fakeIpc({
    checklist: async () => NOBODY,
    copyText: async (text) => void copied.push(text),
    staticClient: async () => null,
    ...answers,
  });
  await show(Connect, {
    ipc,
    status: sampleStatus(status),
    show: (view: string) => void views.push(view),
    add: () => void (added += 1),
  });
  return ipc;
}

async function press(words: string) {
  button(words).click();
  await settled();
}

async function choose(tab: string) {
  const found = [...document.querySelectorAll<HTMLElement>("[role=tab]")].find(
    (each) => each.textContent?.trim() === tab,
  );
  if (!found) throw new Error(`no tab ${tab}`);
  found.dispatchEvent(new Event("focus"));
  found.click();
  await settled();
}

const text = () => (document.body.textContent ?? "").replaceAll(/\s+/g, " ");
const has = (words: string) =>
  [...document.querySelectorAll("button")].some((each) => each.textContent?.trim() === words);
const steps = () =>
  [...document.querySelectorAll("[role=tabpanel] h3")].map((title) => title.textContent?.trim());

describe("the state", () => {
  it("is a word with a mark, what it means and how old that is", async () => {
    await page();
    expect(document.querySelector("h1")?.textContent).toBe("Open");
    expect(document.querySelector("[aria-label='bridge down']")).not.toBeNull();
    expect(text()).toContain("Checked just now");
    vi.advanceTimersByTime(120_000);
    await settled();
    expect(text()).toContain("Checked 2 minutes ago");
  });

  it("is changed by one button", async () => {
    const closeBridge = vi.fn(async () => {});
    await page({}, { closeBridge });
    await press("Stop");
    expect(closeBridge).toHaveBeenCalledOnce();

    const openBridge = vi.fn(async () => {});
    await page({ state: "closed" }, { openBridge });
    expect(has("Stop")).toBe(false);
    await press("Start");
    expect(openBridge).toHaveBeenCalledOnce();
  });

  it("stays and says why when it does not open", async () => {
    const failed = new IpcError("unavailable", "Port 8787 is in use.");
    await page({ state: "closed" }, { openBridge: () => Promise.reject(failed) });
    await press("Start");
    expect(document.querySelector("[role=alert]")?.textContent).toContain("Port 8787 is in use.");
    await press("Open Settings");
    expect(views).toEqual(["settings"]);
  });

  it("leads to what mends it when it needs attention", async () => {
    const openBridge = vi.fn(async () => {});
    const problem = { code: "unavailable", message: "Port 8787 is in use." } as const;
    await page({ state: "attention", problem }, { openBridge });
    expect(text()).toContain("Port 8787 is in use.");
    await press("Open Settings");
    await press("Try again");
    expect(views).toEqual(["settings"]);
    expect(openBridge).toHaveBeenCalledOnce();
  });
});

describe("the connector URL", () => {
  it("is copied by the app", async () => {
    await page();
    await press("Copy Connector URL");
    expect(copied).toEqual(["https://bridge.example/mcp"]);
    expect(has("Copied Connector URL")).toBe(true);
  });

  it("says who reaches it while there is no public one", async () => {
    await page(LOCAL);
    expect(text()).toContain("Only programs on this computer reach it.");
    expect(text()).toContain("need a public HTTPS address");
    await press("Set it up in Settings");
    expect(views).toEqual(["settings"]);
  });
});

describe("the first steps", () => {
  it("lead a newcomer to a server, a start and the URL", async () => {
    const openBridge = vi.fn(async () => {});
    await page({ servers: 0, connections: 0, state: "closed" });
    await press("Add a server");
    expect(added).toBe(1);

    await page({ servers: 1, connections: 0, state: "closed" }, { openBridge });
    const starts = [...document.querySelectorAll("button")].filter(
      (each) => each.textContent?.trim() === "Start",
    );
    starts[0]?.click();
    await settled();
    expect(openBridge).toHaveBeenCalledOnce();

    await page({ servers: 1, connections: 0 });
    await press("Copy the URL");
    expect(copied).toEqual(["https://bridge.example/mcp"]);
    expect(text()).not.toContain("Let a client use your tools");
  });

  it("are not shown to somebody who knows the way", async () => {
    await page();
    expect(text()).not.toContain("Let a client use your tools");
  });
});

describe("the guides", () => {
  it("begin with the client that can come", async () => {
    await page();
    expect(document.querySelector("[aria-selected=true]")?.textContent?.trim()).toBe("ChatGPT");
    await page(LOCAL);
    expect(document.querySelector("[aria-selected=true]")?.textContent?.trim()).toBe(
      "Cursor & others",
    );
  });

  it("copy each value by itself", async () => {
    await page();
    await press("Copy Name");
    await press("Copy MCP Server URL");
    await press("Copy Authentication");
    expect(copied).toEqual(["Drawbridge", "https://bridge.example/mcp", "OAuth"]);
  });

  it("tick what was seen, as it happens", async () => {
    const ipc = await page();
    expect(text()).toContain("Waits for ChatGPT to register");
    ipc.checklist = async () => ({
      ...NOBODY,
      chatgpt: { ...NOTHING, registered_at: "2026-03-10T11:55:00Z" },
    });
    ipc.change();
    await settled();
    expect(steps()).toEqual([
      "Turn on developer mode, done",
      "Create the app, done",
      "Approve it here",
      "Use a tool",
    ]);
    expect(text()).toContain("Registered 5 minutes ago");
    expect(text()).toContain("Waits for your approval");
  });

  it("do not wait for what cannot come", async () => {
    await page(LOCAL);
    await choose("ChatGPT");
    expect(text()).toContain("ChatGPT cannot reach Drawbridge yet");
    expect(text()).not.toContain("Waits for ChatGPT");
    expect(has("Copy MCP Server URL")).toBe(false);
    await press("Set up your own HTTPS front");
    expect(views).toEqual(["settings"]);
  });

  it("give each program on this computer what it reads", async () => {
    await page(LOCAL);
    await press("Copy .cursor/mcp.json");
    document.querySelector<HTMLInputElement>("input[value='Claude Code']")?.click();
    await settled();
    await press("Copy In a terminal");
    expect(copied[0]).toContain('"mcpServers"');
    expect(copied[1]).toContain("claude mcp add");
  });

  it("say that new connections must be let first, where that was chosen", async () => {
    const arm = vi.fn(async () => "2026-03-10T12:10:00Z");
    await page({ armed_only: true }, { arm });
    await press("Add connection");
    expect(arm).toHaveBeenCalledOnce();
  });
});

describe("the client typed in by hand", () => {
  const openIt = async () => {
    const details = document.querySelector("details");
    if (!details) throw new Error("nothing to open");
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    await settled();
  };
  const withClient = (answers: Partial<Ipc> = {}) =>
    page(
      {},
      {
        staticClient: async () => CLIENT,
        revealStaticClientSecret: async () => SECRET,
        ...answers,
      },
    );

  it("is asked for only when somebody looks", async () => {
    const staticClient = vi.fn(async () => null);
    await page({}, { staticClient });
    expect(staticClient).not.toHaveBeenCalled();
    await openIt();
    expect(staticClient).toHaveBeenCalled();
  });

  it("is made on demand", async () => {
    const ipc = await page();
    await openIt();
    ipc.createStaticClient = vi.fn(async () => {
      ipc.staticClient = async () => CLIENT;
      return CLIENT;
    });
    await press("Make a client ID and secret");
    expect(ipc.createStaticClient).toHaveBeenCalledOnce();
    await press("Copy Client ID");
    await press("Copy Token URL");
    expect(copied).toEqual(["drawbridge", "https://bridge.example/oauth/token"]);
  });

  it("copies its secret past the page", async () => {
    const copyStaticClientSecret = vi.fn(async () => {});
    await withClient({ copyStaticClientSecret });
    await openIt();
    await press("Copy Client Secret");
    expect(copyStaticClientSecret).toHaveBeenCalledOnce();
    expect(copied).toEqual([]);
    expect(text()).not.toContain(SECRET);
  });

  it("shows its secret until it is hidden, or for 30 seconds", async () => {
    await withClient();
    await openIt();
    expect(text()).not.toContain(SECRET);
    await press("Reveal");
    expect(text()).toContain(SECRET);
    await press("Hide");
    expect(text()).not.toContain(SECRET);

    await press("Reveal");
    vi.advanceTimersByTime(29_999);
    expect(text()).toContain(SECRET);
    vi.advanceTimersByTime(1);
    await settled();
    expect(text()).not.toContain(SECRET);
    expect(has("Reveal")).toBe(true);
  });

  it("hides its secret from a page that is not seen", async () => {
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(false);
    await withClient();
    await openIt();
    await press("Reveal");
    hidden.mockReturnValue(true);
    document.dispatchEvent(new Event("visibilitychange"));
    await settled();
    expect(text()).not.toContain(SECRET);
    hidden.mockRestore();
  });

  it("shows no secret that comes too late", async () => {
    let answer: (secret: string) => void = () => {};
    await withClient({ revealStaticClientSecret: () => new Promise((done) => (answer = done)) });
    await openIt();
    await press("Reveal");
    const field = document.querySelector(".static")?.outerHTML ?? "";
    await clear();
    answer(SECRET);
    await settled();
    expect(field + document.body.innerHTML).not.toContain(SECRET);
  });

  it("asks before a new secret and before it goes", async () => {
    const createStaticClient = vi.fn(async () => CLIENT);
    const removeStaticClient = vi.fn(async () => {});
    await withClient({ createStaticClient, removeStaticClient });
    await openIt();
    await press("Reveal");
    await press("New secret…");
    expect(document.querySelector("dialog")?.textContent).toContain("must be given the new one");
    expect(createStaticClient).not.toHaveBeenCalled();
    await press("Make a new secret");
    expect(createStaticClient).toHaveBeenCalledOnce();
    // The old one is not shown as if it were the new one.
    expect(text()).not.toContain(SECRET);

    await press("Remove this client…");
    button("Remove", document.querySelector("dialog") ?? document).click();
    await settled();
    expect(removeStaticClient).toHaveBeenCalledOnce();
  });

  it("takes and gives up redirect URIs, and says why not", async () => {
    const removeStaticRedirect = vi.fn(async () => CLIENT);
    const addStaticRedirect = vi.fn<Ipc["addStaticRedirect"]>(async () => CLIENT);
    await withClient({ removeStaticRedirect, addStaticRedirect });
    await openIt();
    const input = document.querySelector<HTMLInputElement>("form input");
    if (!input) throw new Error("no field");
    input.value = " https://other.example/back ";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await settled();
    await press("Add");
    expect(addStaticRedirect).toHaveBeenCalledWith("https://other.example/back");
    expect(input.value).toBe("");

    addStaticRedirect.mockRejectedValueOnce(new IpcError("invalid", "It must use https."));
    input.value = "http://other.example/";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await settled();
    await press("Add");
    expect(text()).toContain("It must use https.");
    expect(input.value).toBe("http://other.example/");

    document
      .querySelector<HTMLElement>("[aria-label='Remove https://client.example/back']")
      ?.click();
    await settled();
    expect(removeStaticRedirect).toHaveBeenCalledWith("https://client.example/back");
  });
});
