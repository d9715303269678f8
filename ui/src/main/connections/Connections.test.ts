import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type ConnectionView, type Ipc, type PairingView, type Status } from "../../ipc";
import { sampleConnection, sampleServer, sampleStatus } from "../../samples";
import { button, clear, fakeIpc, settled, show } from "../../testing";
import Connections from "./Connections.svelte";

const NOW = Date.parse("2026-03-10T12:00:00Z");

let views: string[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date", "setTimeout", "clearTimeout"] });
  views = [];
});

afterEach(async () => {
  await clear();
  vi.useRealTimers();
});

function page(
  found: ConnectionView[],
  answers: Partial<Ipc> = {},
  status: Partial<Status> = {},
): Promise<HTMLElement> {
  const ipc = fakeIpc({
    connections: async (ended) => found.filter((each) => ended || each.state !== "ended"),
    servers: async () => [sampleServer("files"), sampleServer("notion")],
    ...answers,
  });
  return show(Connections, {
    ipc,
    status: sampleStatus(status),
    show: (view: string) => void views.push(view),
  });
}

async function press(words: string) {
  button(words).click();
  await settled();
}

function dialog(): HTMLElement {
  return document.querySelector("dialog") ?? expect.fail("no dialog");
}

async function tick(label: string) {
  const found = [...dialog().querySelectorAll("label")].find(
    (each) => each.textContent?.trim() === label,
  );
  const input = found && document.getElementById(found.htmlFor);
  if (!(input instanceof HTMLInputElement)) throw new Error(`nothing to tick: ${label}`);
  input.click();
  await settled();
}

describe("the list", () => {
  it("shows each connection with who, what, since when and until when", async () => {
    const body = await page([
      sampleConnection({ servers: ["files", "notion"], access: "read-write" }),
    ]);
    const row = body.querySelector("li")?.textContent?.replaceAll(/\s+/g, " ") ?? "";
    expect(body.querySelector("li h2")?.textContent?.trim()).toBe("chatgpt.com");
    expect(row).toContain("calls itself “ChatGPT” · through bridge.example");
    expect(row).toContain("Connected");
    expect(row).toContain("files, notion Read and write");
    expect(row).toContain("Last used 4 hours ago");
    expect(row).toContain("Since 9 days ago");
    expect(row).toContain("Until You revoke it or 30 days unused");
  });

  it("sets the part of the host apart that somebody registered", async () => {
    const body = await page([
      sampleConnection({
        redirect_host: "chatgpt.com.evil.example:8443",
        redirect_registrable: "evil.example",
      }),
    ]);
    const heading = body.querySelector("li h2");
    expect(heading?.textContent?.trim()).toBe("chatgpt.com.evil.example:8443");
    expect(
      [...(heading?.querySelectorAll(".muted") ?? [])].map((each) => each.textContent),
    ).toEqual(["chatgpt.com.", ":8443"]);
  });

  it("never takes a client's name for our words or for markup", async () => {
    const body = await page([sampleConnection({ client: "<b>Drawbridge</b>\u202egnp" })]);
    expect(body.querySelector("li b")).toBeNull();
    expect(body.querySelector("li bdi")?.textContent).toBe("<b>Drawbridge</b>U+202Egnp");
  });

  it("says what is the matter, and offers only what can be done", async () => {
    const body = await page([
      sampleConnection({ id: "1", state: "damaged" }),
      sampleConnection({ id: "2", state: "connect-again" }),
      sampleConnection({ id: "3", state: "pending", expires_at: "2026-03-11T12:00:00Z" }),
    ]);
    const rows = [...body.querySelectorAll("li")];
    const buttons = rows.map((row) =>
      [...row.querySelectorAll("button")].map((each) => each.textContent?.trim()),
    );
    expect(buttons).toEqual([["Revoke"], ["Revoke"], ["Edit", "Revoke"]]);
    expect(rows[0]?.textContent).toContain("can only be revoked");
    expect(rows[1]?.textContent).toContain("Connect again");
    expect(rows[2]?.textContent).toContain("Waiting for the client");
    expect(rows[2]?.textContent).toContain("in 1 day");
  });

  it("shows ended ones, and why, only when asked", async () => {
    const body = await page([
      sampleConnection(),
      sampleConnection({ id: "2", state: "ended", end_reason: "unused" }),
    ]);
    expect(body.textContent).not.toContain("Nobody used it for 30 days.");
    body.querySelector<HTMLElement>("[role=switch]")?.click();
    await settled();
    expect(body.textContent).toContain("Nobody used it for 30 days.");
  });

  it("says what a connection is when there is none, and where one begins", async () => {
    const body = await page([]);
    expect(body.textContent).toContain("Nobody is connected");
    await press("Show me how");
    expect(views).toEqual(["connect"]);
  });

  it("says why it cannot be read, and asks again", async () => {
    const connections = vi
      .fn<Ipc["connections"]>()
      .mockRejectedValueOnce(new IpcError("failed", "The disk is full."))
      .mockResolvedValue([sampleConnection()]);
    const body = await page([], { connections });
    expect(body.querySelector("[role=alert]")?.textContent).toContain("The disk is full.");
    await press("Try again");
    expect(body.querySelector("[role=alert]")).toBeNull();
    expect(body.textContent).toContain("chatgpt.com");
  });
});

describe("editing", () => {
  const both = () => sampleConnection({ servers: ["files", "notion"] });

  it("takes away at once", async () => {
    const editConnection = vi.fn<Ipc["editConnection"]>(async () => sampleConnection());
    const body = await page([both()], { editConnection });
    await press("Edit");
    expect(button("Save").disabled).toBe(true);
    await tick("notion");
    await press("Save");
    expect(editConnection).toHaveBeenCalledExactlyOnceWith("grant-1", {
      servers: ["files"],
      access: "read",
    });
    expect(document.querySelector("dialog")).toBeNull();
    expect(body.textContent).toContain("Saved. It holds from the next call on.");
  });

  it("asks in the small window before it adds, and waits for the answer", async () => {
    let answer: (connection: ConnectionView) => void = () => {};
    const editConnection = vi.fn<Ipc["editConnection"]>(
      () => new Promise((done) => (answer = done)),
    );
    const showQuestion = vi.fn<Ipc["showQuestion"]>(async () => undefined as never);
    const body = await page([sampleConnection()], { editConnection, showQuestion });
    await press("Edit");
    await tick("notion");
    await press("Ask me, then save");
    expect(dialog().textContent).toContain("Drawbridge asks you in its small window");
    await press("Show it");
    expect(showQuestion).toHaveBeenCalledOnce();
    answer(both());
    await settled();
    expect(document.querySelector("dialog")).toBeNull();
    expect(body.textContent).toContain("You allowed it.");
  });

  it.each([
    ["refused", "You said no, so nothing changed."],
    ["unavailable", "Nobody answered in the small window, so nothing changed."],
    ["failed", "Nothing changed."],
  ] as const)("says so when the answer is: %s", async (code, words) => {
    await page([sampleConnection()], {
      editConnection: () => Promise.reject(new IpcError(code, "It was not done.")),
    });
    await press("Edit");
    await tick("Read and write");
    await press("Ask me, then save");
    expect(dialog().textContent).toContain(words);
    expect(button("Ask me, then save").disabled).toBe(false);
  });

  it("lets a server go that is no longer there", async () => {
    await page([sampleConnection({ servers: ["gone"] })]);
    await press("Edit");
    expect(dialog().textContent).toContain("This server is no longer there.");
    await tick("gone");
    expect(button("Save").disabled).toBe(false);
  });
});

describe("revoking", () => {
  it("asks first, and begins on the way back", async () => {
    const revoke = vi.fn<Ipc["revoke"]>(async () => undefined as never);
    const body = await page([sampleConnection()], { revoke });
    await press("Revoke");
    expect(dialog().textContent).toContain("Revoke chatgpt.com?");
    expect(dialog().textContent).toContain("loses access at once");
    await press("Keep it");
    expect(revoke).not.toHaveBeenCalled();
    await press("Revoke");
    button("Revoke", dialog()).click();
    await settled();
    expect(revoke).toHaveBeenCalledExactlyOnceWith("grant-1");
    expect(body.textContent).toContain("Revoked. It is out at once.");
  });

  it("stays and says why when it fails", async () => {
    await page([sampleConnection()], {
      revoke: () => Promise.reject(new IpcError("failed", "The disk is full.")),
    });
    await press("Revoke");
    button("Revoke", dialog()).click();
    await settled();
    expect(dialog().textContent).toContain("The disk is full.");
  });

  it("counts before it revokes all", async () => {
    const revokeAll = vi.fn<Ipc["revokeAll"]>(async () => 2);
    const body = await page([sampleConnection({ id: "1" }), sampleConnection({ id: "2" })], {
      revokeAll,
    });
    await press("Revoke all…");
    expect(dialog().textContent).toContain("Revoke all 2 connections?");
    expect(revokeAll).not.toHaveBeenCalled();
    await press("Revoke all");
    expect(revokeAll).toHaveBeenCalledOnce();
    expect(body.textContent).toContain("2 connections revoked.");
  });
});

describe("another device", () => {
  const expires_at = "2026-03-10T12:10:00Z";

  async function paired(state: PairingView["state"], wrong_tries = 0, status = {}) {
    const endPairing = vi.fn<Ipc["endPairing"]>(async () => undefined as never);
    const pair = vi.fn<Ipc["pair"]>(async () => ({
      code: "K7QM3XPD",
      expires_at,
      host: "https://bridge.example",
    }));
    const body = await page(
      [],
      { pair, endPairing, pairing: async () => ({ state, expires_at, wrong_tries }) },
      status,
    );
    await press("Connect another device");
    return { body, pair, endPairing };
  }

  it("shows the code in two groups, where to type it and how long it works", async () => {
    const { endPairing } = await paired("open", 2);
    expect(dialog().querySelector("output")?.textContent).toBe("K7QM-3XPD");
    expect(dialog().textContent).toContain("https://bridge.example");
    expect(dialog().querySelector("[role=timer]")?.getAttribute("aria-label")).toBe(
      "10 minutes left",
    );
    expect(dialog().textContent).toContain("2 wrong codes came in so far.");
    await press("Cancel");
    expect(endPairing).toHaveBeenCalledOnce();
    expect(document.body.textContent).not.toContain("K7QM");
  });

  it("says that a device typed it, and shows the question", async () => {
    const { endPairing } = await paired("used", 0, { pending_approvals: 1 });
    expect(dialog().textContent).toContain("The code was typed");
    expect(button("Show the question")).toBeDefined();
    expect(dialog().textContent).not.toContain("K7QM");
    await press("Close");
    expect(endPairing).not.toHaveBeenCalled();
  });

  it("shows no question that is over", async () => {
    await paired("used");
    expect(dialog().textContent).toContain("It cannot be used again.");
    expect(dialog().textContent).not.toContain("Show the question");
  });

  it("says that somebody guesses, and makes a new code on demand", async () => {
    const { pair } = await paired("guessed");
    expect(dialog().textContent).toContain("Somebody guesses: the code no longer works");
    await press("New code");
    expect(pair).toHaveBeenCalledTimes(2);
  });

  it("knows by its own clock when the code is too old", async () => {
    await paired("open");
    vi.setSystemTime(NOW + 601_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await settled();
    expect(dialog().textContent).toContain("The code is too old");
    expect(button("New code")).toBeDefined();
  });

  it("says what keeps another device away", async () => {
    await paired("open", 0, { public_url: null });
    expect(dialog().textContent).toContain("no public address");
  });

  it("says why there is no code", async () => {
    await page([], { pair: () => Promise.reject(new IpcError("failed", "No randomness.")) });
    await press("Connect another device");
    expect(dialog().querySelector("[role=alert]")?.textContent).toContain("No randomness.");
  });
});

describe("an access token", () => {
  const SECRET = "drawbridge_token_0123456789";

  async function made(copyText: Ipc["copyText"] = async () => undefined as never) {
    const createToken = vi.fn<Ipc["createToken"]>(async () => ({
      token: SECRET,
      id: "grant-9",
      expires_at: null,
      servers: ["files"],
    }));
    await page([], { createToken, copyText });
    await press("New access token");
    expect(button("Make token").disabled).toBe(true);
    const name = dialog().querySelector<HTMLInputElement>("input:not([type])");
    if (!name) throw new Error("no field for the name");
    name.value = " backup ";
    name.dispatchEvent(new Event("input", { bubbles: true }));
    await tick("files");
    dialog().querySelector("form")?.requestSubmit();
    await settled();
    return createToken;
  }

  it("is made as chosen, covered until it is to be seen, and gone when closed", async () => {
    const createToken = await made();
    expect(createToken).toHaveBeenCalledExactlyOnceWith({
      name: "backup",
      terms: { servers: ["files"], access: "read", lifetime: "30d" },
      public: false,
    });
    const field = dialog().querySelector<HTMLInputElement>("input[readonly]");
    expect(field?.type).toBe("password");
    await press("Show");
    expect(field?.type).toBe("text");
    expect(field?.value).toBe(SECRET);
    await press("Done");
    expect(document.querySelector("dialog")).toBeNull();
    expect(document.body.innerHTML).not.toContain(SECRET);
  });

  it("is copied by the app", async () => {
    const copyText = vi.fn<Ipc["copyText"]>(async () => undefined as never);
    await made(copyText);
    [...dialog().querySelectorAll("button")]
      .find((each) => each.textContent?.includes("Copy"))
      ?.click();
    await settled();
    expect(copyText).toHaveBeenCalledExactlyOnceWith(SECRET);
  });

  it("is listed as what it is", async () => {
    const body = await page([
      sampleConnection({ client_kind: "script", client: "backup", redirect_host: null }),
    ]);
    const row = body.querySelector("li")?.textContent?.replaceAll(/\s+/g, " ") ?? "";
    expect(row).toContain("Access token Valid named “backup”");
  });
});

describe("armed only", () => {
  it("offers to let new connections ask, and counts down", async () => {
    const arm = vi.fn<Ipc["arm"]>(async () => "2026-03-10T12:10:00Z");
    const body = await page([], { arm }, { armed_only: true });
    expect(body.textContent).toContain("Nobody new can ask right now");
    await press("Add connection");
    expect(arm).toHaveBeenCalledOnce();
    expect(body.textContent).toContain("New connections can ask now");
    expect(body.querySelector("[role=timer]")?.textContent).toBe("10:00");
  });

  it("is over when its time is", async () => {
    const body = await page([], {}, { armed_only: true, armed_until: "2026-03-10T12:00:05Z" });
    expect(body.textContent).toContain("New connections can ask now");
    await vi.advanceTimersByTimeAsync(6_000);
    await settled();
    expect(body.textContent).toContain("Nobody new can ask right now");
  });

  it("is no matter where it is off", async () => {
    const body = await page([]);
    expect(body.textContent).not.toContain("can ask");
  });
});
