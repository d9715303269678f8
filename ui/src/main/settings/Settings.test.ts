import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError, type Ipc, type SecretsView, type SettingsView, type Status } from "../../ipc";
import { sampleSettings, sampleStatus } from "../../samples";
import { button, clear, fakeIpc, settled, show } from "../../testing";
import Settings from "./Settings.svelte";

const SECRETS: SecretsView = {
  key_place: "keychain",
  warning: null,
  names: ["static-client", "notion/NOTION_TOKEN"],
};

let settings: SettingsView;
let secrets: SecretsView;
const changeSettings = vi.fn<Ipc["changeSettings"]>();

beforeEach(() => {
  settings = sampleSettings();
  secrets = SECRETS;
  changeSettings.mockReset().mockImplementation(async (change) => {
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null));
    settings = { ...settings, ...(given as Partial<SettingsView>) };
    return settings;
  });
});

afterEach(clear);

function page(answers: Partial<Ipc> = {}, status: Partial<Status> = {}): Promise<HTMLElement> {
  const ipc = fakeIpc({
    settings: async () => settings,
    changeSettings,
    startAtLogin: async () => false,
    secrets: async () => secrets,
    ...answers,
  });
  return show(Settings, { ipc, status: sampleStatus(status), show: () => {} });
}

/** The control with this label. */
function control<Kind extends HTMLElement>(label: string): Kind {
  const found = [...document.querySelectorAll("label")].find((each) =>
    each.textContent?.trim().startsWith(label),
  );
  const element = found && document.getElementById(found.htmlFor);
  return (element as Kind | null) ?? expect.fail(`no control “${label}”`);
}

async function press(words: string, within: ParentNode = document) {
  button(words, within).click();
  await settled();
}

async function flip(label: string) {
  control(label).click();
  await settled();
}

async function type(label: string, words: string) {
  const field = control<HTMLInputElement>(label);
  field.value = words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await settled();
}

async function apply(label: string) {
  control<HTMLInputElement>(label).closest("form")?.requestSubmit();
  await settled();
}

function dialog(): HTMLElement {
  return document.querySelector("dialog") ?? expect.fail("no dialog");
}

function group(title: string): HTMLElement {
  const heading = [...document.querySelectorAll("h2")].find((each) => each.textContent === title);
  return heading?.closest("section") ?? expect.fail(`no group ${title}`);
}

describe("a switch", () => {
  it("is saved at once and says so", async () => {
    await page();
    expect(control("Open the bridge").getAttribute("aria-checked")).toBe("true");
    await flip("Open the bridge");
    expect(changeSettings).toHaveBeenCalledExactlyOnceWith({ open_at_start: false });
    expect(control("Open the bridge").getAttribute("aria-checked")).toBe("false");
    expect(group("Opening").textContent).toContain("Saved");
  });

  it("stays as it was, with the reason beside it, when it cannot be saved", async () => {
    changeSettings.mockRejectedValue(new IpcError("failed", "The disk is full."));
    await page();
    await flip("Armed only");
    expect(control("Armed only").getAttribute("aria-checked")).toBe("false");
    expect(group("Asking").querySelector("[role=alert]")?.textContent).toContain(
      "The disk is full.",
    );
  });

  it.each([
    ["Show this window", { show_window_at_start: false }],
    ["Armed only", { armed_only: true }],
    ["Known clients only", { known_clients_only: true }],
  ])("%s", async (label, change) => {
    await page();
    await flip(label);
    expect(changeSettings).toHaveBeenCalledExactlyOnceWith(change);
  });

  it("starts at login", async () => {
    let on = false;
    const setStartAtLogin = vi.fn<Ipc["setStartAtLogin"]>(async (next) => {
      on = next;
      return undefined as never;
    });
    await page({ startAtLogin: async () => on, setStartAtLogin });
    await flip("Start at login");
    expect(setStartAtLogin).toHaveBeenCalledExactlyOnceWith(true);
    expect(control("Start at login").getAttribute("aria-checked")).toBe("true");
  });

  it("is not offered where it cannot be told", async () => {
    const body = await page({
      startAtLogin: () => Promise.reject(new IpcError("unavailable", "No desktop session.")),
    });
    expect(control<HTMLButtonElement>("Start at login").disabled).toBe(true);
    expect(body.textContent).toContain("No desktop session.");
  });

  it("is fixed where a flag decides it, and says so", async () => {
    settings = sampleSettings({ fixed: ["known_clients_only"], known_clients_only: true });
    await page();
    expect(control<HTMLButtonElement>("Known clients only").disabled).toBe(true);
    expect(group("Asking").textContent).toContain("so it cannot be changed here");
  });
});

describe("the ports", () => {
  it("are applied together", async () => {
    await page();
    const form = control("Port for clients").closest("form") ?? document;
    expect(button("Apply", form).disabled).toBe(true);
    expect(form.textContent).toContain("calls that are running end");
    await type("Port for clients", "9000");
    await apply("Port for clients");
    expect(changeSettings).toHaveBeenCalledExactlyOnceWith({
      ports: { loopback: 9000, local: 8788, tunnel: 8789 },
    });
    expect(form.textContent).toContain("Saved");
    expect(button("Apply", form).disabled).toBe(true);
  });

  it("are not sent when one is no number, and the field says why", async () => {
    await page();
    await type("Port for your browser", "http");
    const field = control("Port for your browser");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    await apply("Port for your browser");
    expect(changeSettings).not.toHaveBeenCalled();
    await press("Undo");
    expect(control<HTMLInputElement>("Port for your browser").value).toBe("8788");
  });

  it("keep what was typed, with the engine's reason, when they are refused", async () => {
    changeSettings.mockRejectedValue(new IpcError("invalid", "Port 8788 cannot be both."));
    await page();
    await type("Port for clients", "8788");
    await apply("Port for clients");
    expect(group("Opening").textContent).toContain("Port 8788 cannot be both.");
    expect(control<HTMLInputElement>("Port for clients").value).toBe("8788");
  });

  it("are grey where a flag decides them", async () => {
    settings = sampleSettings({ fixed: ["ports.local"] });
    await page();
    expect(control<HTMLInputElement>("Port for your browser").disabled).toBe(true);
    expect(control<HTMLInputElement>("Port for clients").disabled).toBe(false);
    expect(group("Opening").textContent).toContain("What is grey is decided by the command line");
  });
});

describe("the tunnel", () => {
  it("says where the front must forward to", async () => {
    await page();
    expect(control<HTMLInputElement>("Your front must forward to").value).toBe(
      "http://127.0.0.1:8789",
    );
  });

  it("goes off only when applied, and warns before", async () => {
    await page();
    await flip("Not at all");
    expect(changeSettings).not.toHaveBeenCalled();
    expect(group("Tunnel").textContent).toContain("have to connect again");
    await apply("Not at all");
    expect(changeSettings).toHaveBeenCalledExactlyOnceWith({ tunnel: "off" });
    expect(group("Tunnel").querySelector("[type=url]")).toBeNull();
  });

  it("goes on with its address", async () => {
    settings = sampleSettings({ tunnel: "off", public_url: null });
    await page({}, { tunnel_url: null });
    await flip("Through an HTTPS front");
    expect(button("Apply", group("Tunnel")).disabled).toBe(true);
    await type("Its public address", " https://new.example ");
    await apply("Its public address");
    expect(changeSettings).toHaveBeenCalledExactlyOnceWith({
      tunnel: "own",
      public_url: "https://new.example",
    });
  });

  it("says beside the field what is wrong with the address", async () => {
    changeSettings.mockRejectedValue(new IpcError("invalid", "It must begin with https://."));
    await page();
    await type("Its public address", "http://new.example");
    await apply("Its public address");
    const field = control("Its public address");
    const words = document.getElementById(field.getAttribute("aria-describedby") ?? "");
    expect(words?.textContent).toContain("It must begin with https://.");
  });

  it("is shown and not editable where the environment decides it", async () => {
    settings = sampleSettings({ fixed: ["tunnel", "public_url"] });
    await page();
    expect(control<HTMLInputElement>("Its public address").readOnly).toBe(true);
    expect(group("Tunnel").textContent).toContain("so it cannot be changed here");
    expect(
      [...group("Tunnel").querySelectorAll("button")].map((each) => each.textContent?.trim()),
    ).not.toContain("Apply");
  });
});

describe("secrets", () => {
  it("says where the key is, and names what is kept", async () => {
    const body = await page();
    expect(body.textContent).toContain("The key is in this computer’s keychain");
    const details = group("Secrets").querySelector("details");
    expect(details?.textContent).toContain("2 secrets are kept");
    if (details) details.open = true;
    details?.dispatchEvent(new Event("toggle"));
    await settled();
    expect(details?.textContent).toContain("notion/NOTION_TOKEN");
    expect(details?.textContent).toContain("The secret of the client typed in by hand");
  });

  it("warns, and moves the key to the keychain", async () => {
    secrets = { ...SECRETS, key_place: "file", warning: "Copying copies the key." };
    const moveKey = vi.fn<Ipc["moveKey"]>(async () => {
      secrets = SECRETS;
      return { key_place: "keychain" };
    });
    const body = await page({ moveKey });
    expect(body.textContent).toContain("Copying copies the key.");
    await press("Move to the keychain");
    expect(moveKey).toHaveBeenCalledExactlyOnceWith("keychain");
    expect(body.textContent).toContain("The key is now in this computer’s keychain.");
    expect(body.textContent).not.toContain("Copying copies the key.");
  });

  it("says why the key did not move", async () => {
    secrets = { ...SECRETS, key_place: "file" };
    await page({
      moveKey: () => Promise.reject(new IpcError("failed", "The keychain is locked.")),
    });
    await press("Move to the keychain");
    expect(group("Secrets").textContent).toContain("The key stays where it is");
    expect(group("Secrets").textContent).toContain("The keychain is locked.");
  });

  it("asks before the key goes into a file", async () => {
    const moveKey = vi.fn<Ipc["moveKey"]>(async () => ({ key_place: "file" }));
    await page({ moveKey });
    await press("Move to a file");
    expect(moveKey).not.toHaveBeenCalled();
    await press("Move to a file", dialog());
    expect(moveKey).toHaveBeenCalledExactlyOnceWith("file");
  });

  it("asks before it changes the key, and says how much was sealed anew", async () => {
    const rotateSecrets = vi.fn<Ipc["rotateSecrets"]>(async () => ({ resealed: 12 }));
    const body = await page({ rotateSecrets });
    await press("Change…");
    expect(rotateSecrets).not.toHaveBeenCalled();
    await press("Change the key", dialog());
    expect(body.textContent).toContain("12 values were sealed anew.");
  });
});

describe("data", () => {
  it("opens the folder, and says when it cannot", async () => {
    const body = await page({
      openDataFolder: () => Promise.reject(new IpcError("failed", "No file manager.")),
    });
    expect(body.textContent).toContain("/data/drawbridge/logs");
    await press("Open");
    expect(group("Data").textContent).toContain("No file manager.");
  });

  it("erases only when the word is typed, and says what goes", async () => {
    const eraseEverything = vi.fn<Ipc["eraseEverything"]>(async () => undefined as never);
    await page({ eraseEverything });
    await press("Erase…");
    expect(dialog().textContent).toContain("every connection and access token");
    await type("Type “erase”", "eras");
    expect(button("Erase everything", dialog()).disabled).toBe(true);
    dialog().querySelector("form")?.requestSubmit();
    await settled();
    expect(eraseEverything).not.toHaveBeenCalled();
    await type("Type “erase”", "erase");
    dialog().querySelector("form")?.requestSubmit();
    await settled();
    expect(eraseEverything).toHaveBeenCalledExactlyOnceWith("erase");
    expect(dialog().textContent).toContain("Drawbridge quits now.");
  });

  it("says what is left when not everything could be erased", async () => {
    await page({
      eraseEverything: () => Promise.reject(new IpcError("failed", "The keychain kept its item.")),
    });
    await press("Erase…");
    await type("Type “erase”", "erase");
    dialog().querySelector("form")?.requestSubmit();
    await settled();
    expect(dialog().textContent).toContain("The keychain kept its item.");
  });
});

describe("the page", () => {
  it("says the version, the licence and where the key is", async () => {
    await page();
    const about = group("About").textContent?.replaceAll(/\s+/g, " ");
    expect(about).toContain("Version 0.1.0");
    expect(about).toContain("MIT licence");
    expect(about).toContain("In this computer’s keychain");
  });

  it("says why the bridge did not open, where it is mended", async () => {
    const body = await page(
      {},
      {
        state: "attention",
        problem: { code: "unavailable", message: "Port 8787 is in use." },
      },
    );
    expect(body.querySelector("[role=alert]")?.textContent).toContain("Port 8787 is in use.");
  });

  it("says why the settings cannot be read, and asks again", async () => {
    let broken = true;
    const body = await page({
      settings: async () => {
        if (broken) throw new IpcError("failed", "The disk is full.");
        return settings;
      },
    });
    expect(body.querySelector("[role=alert]")?.textContent).toContain("The disk is full.");
    broken = false;
    await press("Try again");
    expect(body.textContent).toContain("Opening");
  });
});
