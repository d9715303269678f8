import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type Ipc, type NewServerForm, type ServerView } from "../../ipc";
import { sampleConnection, sampleServer, sampleStatus } from "../../samples";
import { button, clear, fakeIpc, settled, show, type Fake } from "../../testing";
import Servers from "./Servers.svelte";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const TOOL = { title: null, rule: "allow", rule_is_default: true } as const;

let views: string[] = [];

beforeEach(() => {
  vi.useFakeTimers({
    now: NOW,
    toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
  });
  views = [];
});

afterEach(async () => {
  await clear();
  vi.useRealTimers();
});

/** An app with these servers, which the page's own commands change. */
async function page(there: ServerView[], answers: Partial<Ipc> = {}): Promise<Fake<Ipc>> {
  let all = there;
  const ipc = fakeIpc({
    servers: async () => all,
    connections: async () => [],
    tools: async () => [],
    serverLog: async () => [],
    removeServer: vi.fn(async (name: string) => void (all = all.filter((s) => s.name !== name))),
    addServer: vi.fn(async ({ name }: NewServerForm) => {
      const view = sampleServer(name, {
        health: "starting",
        tools: null,
        starting_since: new Date(NOW).toISOString(),
      });
      all = [...all, view];
      return view;
    }),
    enableServer: vi.fn(async (name: string, enabled: boolean) => {
      all = all.map((s) => (s.name === name ? { ...s, enabled } : s));
      return all.find((s) => s.name === name) ?? expect.fail("no such server");
    }),
    ...answers,
  });
  await show(Servers, {
    ipc,
    status: sampleStatus(),
    show: (view: string) => void views.push(view),
  });
  return ipc;
}

async function press(words: string, within: ParentNode = document) {
  button(words, within).click();
  await settled();
}

async function type(label: string, value: string, at = 0) {
  const labels = [...document.querySelectorAll("label")].filter(
    (each) => each.textContent?.trim() === label,
  );
  const input = document.getElementById(labels[at]?.htmlFor ?? "");
  if (!(input instanceof HTMLInputElement)) throw new Error(`no field ${label}`);
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await settled();
  return input;
}

const field = (label: string) => {
  const found = [...document.querySelectorAll("label")].find(
    (each) => each.textContent?.trim() === label,
  );
  return (document.getElementById(found?.htmlFor ?? "") as HTMLInputElement | null)?.value;
};
const heading = () => document.querySelector("h1")?.textContent?.trim();
const text = () => (document.body.textContent ?? "").replaceAll(/\s+/g, " ");

describe("the list", () => {
  it("says what a server is while there is none, and what to do", async () => {
    await page([]);
    expect(text()).toContain("A server is a small program on this computer");
    await press("Add a server");
    expect(heading()).toBe("Add a server");
  });

  it("shows how each server stands, in words", async () => {
    await page([
      sampleServer("files"),
      sampleServer("git", { health: "idle", tools: null }),
      sampleServer("weather", { health: "failed", last_error: "No key." }),
      sampleServer("old", { enabled: false }),
    ]);
    const cards = [...document.querySelectorAll("article")].map((card) =>
      card.textContent?.replaceAll(/\s+/g, " "),
    );
    expect(cards[0]).toContain("files Running 3 tools");
    expect(cards[1]).toContain("git Starts when used");
    expect(cards[2]).toContain("Not working");
    expect(cards[2]).toContain("No key.");
    expect(cards[3]).toContain("Off");
  });

  it("switches a server off and on", async () => {
    const ipc = await page([sampleServer("files")]);
    document.querySelector<HTMLElement>("[role=switch]")?.click();
    await settled();
    expect(ipc.enableServer).toHaveBeenCalledWith("files", false);
    expect(document.querySelector("[role=switch]")?.getAttribute("aria-checked")).toBe("false");
  });

  it("looks every second while a server starts, and only then", async () => {
    const starting = sampleServer("notes", { health: "starting", progress: "one" });
    const ipc = await page([]);
    const asked = vi.fn(async (): Promise<ServerView[]> => [{ ...starting, progress: "two" }]);
    ipc.servers = async () => [starting];
    ipc.change();
    await settled();
    ipc.servers = asked;
    vi.advanceTimersByTime(1_000);
    await settled();
    expect(text()).toContain("“two”");
    asked.mockResolvedValue([sampleServer("notes")]);
    vi.advanceTimersByTime(1_000);
    await settled();
    asked.mockClear();
    vi.advanceTimersByTime(10_000);
    expect(asked).not.toHaveBeenCalled();
  });

  it("says when the servers are not known, and asks again", async () => {
    const ipc = await page([], {
      servers: () => Promise.reject(new IpcError("failed", "The disk is full.")),
    });
    expect(document.querySelector("[role=alert]")?.textContent).toContain("The disk is full.");
    ipc.servers = async () => [sampleServer("files")];
    await press("Try again");
    expect(text()).toContain("files");
  });
});

describe("adding a server", () => {
  it("begins with an example and suggests the name", async () => {
    await page([]);
    await press("Add a server");
    document.querySelector<HTMLElement>(".examples button")?.click();
    await settled();
    expect(field("Command")).toBe("npx -y @modelcontextprotocol/server-filesystem ~/Documents");
    expect(field("Name")).toBe("filesystem");
  });

  it("says what is missing only once it was sent", async () => {
    const ipc = await page([]);
    await press("Add a server");
    expect(text()).not.toContain("Type the command");
    await press("Add and start");
    expect(text()).toContain("Type the command that starts the server.");
    expect(ipc.addServer).not.toHaveBeenCalled();
  });

  it("sends what was typed, and watches the start", async () => {
    const ipc = await page([]);
    await press("Add a server");
    await type("Command", "uvx mcp-server-weather");
    await press("Add a variable");
    await type("Variable", "WEATHER_KEY");
    const value = await type("Value", "sesame");
    expect(value.type).toBe("password");
    await press("Add and start");
    expect(ipc.addServer).toHaveBeenCalledWith({
      name: "weather",
      command_line: "uvx mcp-server-weather",
      env: [{ name: "WEATHER_KEY", value: "sesame" }],
      directory: null,
    });
    expect(heading()).toBe("weather");
    expect(document.querySelector("[role=progressbar]")).not.toBeNull();
    vi.advanceTimersByTime(14_000);
    await settled();
    expect(text()).toContain("14 s");

    ipc.servers = async () => [sampleServer("weather", { tools: 2 })];
    ipc.change();
    await settled();
    expect(text()).toContain("It gives 2 tools.");
    await press("Connect a client");
    expect(views).toEqual(["connect"]);
  });

  it("is taken back while it starts", async () => {
    const ipc = await page([]);
    await press("Add a server");
    await type("Command", "uvx mcp-server-weather");
    await press("Add and start");
    await press("Cancel");
    expect(ipc.removeServer).toHaveBeenCalledWith("weather");
    expect(text()).toContain("No servers yet");
  });

  it("keeps the form when the app refuses", async () => {
    const refused = new IpcError("invalid", "The quote has no end.");
    await page([], { addServer: () => Promise.reject(refused) });
    await press("Add a server");
    await type("Command", "uvx 'weather");
    await press("Add and start");
    expect(document.querySelector("[role=alert]")?.textContent).toContain("The quote has no end.");
    expect(field("Command")).toBe("uvx 'weather");
  });

  it("is changed after it failed, without what was secret", async () => {
    const ipc = await page([]);
    await press("Add a server");
    await type("Command", "uvx mcp-server-weather");
    await press("Add a variable");
    await type("Variable", "WEATHER_KEY");
    await type("Value", "sesame");
    await press("Add and start");
    const failed = sampleServer("weather", { health: "failed", last_error: "KEY is wrong" });
    ipc.servers = async () => [failed];
    ipc.change();
    await settled();
    expect(document.querySelector("[role=alert]")?.textContent).toContain("KEY is wrong");
    await press("Change it…");
    expect(heading()).toBe("Change weather");
    expect(field("Command")).toBe("uvx mcp-server-weather");
    expect(field("Variable")).toBe("WEATHER_KEY");
    expect(field("Value")).toBe("");
    await type("Value", "open");
    await press("Replace and start");
    expect(ipc.removeServer).toHaveBeenCalledWith("weather");
    expect(ipc.addServer).toHaveBeenLastCalledWith(
      expect.objectContaining({ name: "weather", env: [{ name: "WEATHER_KEY", value: "open" }] }),
    );
  });
});

describe("a server", () => {
  const open = (name: string) => press(name);

  it("that failed says what it said, and is started again", async () => {
    const ipc = await page(
      [sampleServer("weather", { health: "failed", last_error: "It ended." })],
      { serverLog: async () => ["first\u202e", "last"] },
    );
    await open("weather");
    const details = document.querySelector("details");
    if (!details) throw new Error("no log");
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    await settled();
    expect(text()).toContain("firstU+202E");
    await press("Try again");
    expect(ipc.enableServer).toHaveBeenNthCalledWith(1, "weather", false);
    expect(ipc.enableServer).toHaveBeenNthCalledWith(2, "weather", true);
  });

  it("shows its tools and what they do, but no rules", async () => {
    await page([sampleServer("files")], {
      tools: async () => [
        { ...TOOL, name: "read_file", title: "Read a file", kind: "reads" },
        { ...TOOL, name: "move\u202efile", kind: "destroys" },
      ],
    });
    await open("files");
    const rows = [...document.querySelectorAll("tbody tr")].map((row) =>
      row.textContent?.replaceAll(/\s+/g, " ").trim(),
    );
    expect(rows).toEqual(["read_file “Read a file” reads", "moveU+202Efile destroys"]);
    expect(text()).toContain("2 tools: 1 only reads, 1 can destroy things");
    expect(text()).not.toContain("allow");
  });

  it("that never ran is started only on demand", async () => {
    const tools = vi.fn(async () => []);
    await page([sampleServer("git", { health: "idle", tools: null })], { tools });
    await open("git");
    expect(tools).not.toHaveBeenCalled();
    await press("Start it now");
    expect(tools).toHaveBeenCalledWith("git");
  });

  it("that starts again is switched off by Cancel, not removed", async () => {
    const ipc = await page([sampleServer("notes", { health: "starting", tools: null })]);
    await open("notes");
    await press("Cancel");
    expect(ipc.enableServer).toHaveBeenCalledWith("notes", false);
    expect(ipc.removeServer).not.toHaveBeenCalled();
  });

  it("is removed after it was said who loses it", async () => {
    const ipc = await page([sampleServer("files"), sampleServer("git")], {
      connections: async () => [
        sampleConnection({ id: "1", servers: ["files"] }),
        sampleConnection({ id: "2", servers: ["git"], redirect_host: "claude.ai" }),
      ],
    });
    await open("files");
    await press("Remove files…");
    const dialog = document.querySelector("dialog") ?? expect.fail("it does not ask");
    expect(dialog.textContent).toContain("One connection loses it:");
    expect(dialog.textContent).toContain("chatgpt.com");
    expect(dialog.textContent).not.toContain("claude.ai");
    expect(ipc.removeServer).not.toHaveBeenCalled();
    await press("Remove", dialog);
    expect(ipc.removeServer).toHaveBeenCalledWith("files");
    expect(heading()).toBe("Servers");
    expect(text()).not.toContain("files");
  });
});
