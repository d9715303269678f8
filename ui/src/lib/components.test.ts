import { createRawSnippet } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { IpcError } from "../ipc";
import { button, clear, settled, show } from "../testing";
import Button from "./Button.svelte";
import ConfirmDialog from "./ConfirmDialog.svelte";
import CopyField from "./CopyField.svelte";
import Progress from "./Progress.svelte";
import Quote from "./Quote.svelte";
import StatePill from "./StatePill.svelte";
import Switch from "./Switch.svelte";
import TextInput from "./TextInput.svelte";
import Time from "./Time.svelte";

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 2, 12, 9, 30) });
});

afterEach(async () => {
  await clear();
  vi.useRealTimers();
});

const words = (text: string) => createRawSnippet(() => ({ render: () => `<span>${text}</span>` }));
const body = () => document.body.textContent?.replace(/\s+/g, " ").trim() ?? "";

async function pass(milliseconds: number) {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settled();
}

describe("a button", () => {
  it("does nothing while it is busy, but stays where the focus is", async () => {
    const onclick = vi.fn();
    await show(Button, { children: words("Start"), busy: true, onclick });
    const start = button("Start");
    start.focus();
    start.click();
    expect(onclick).not.toHaveBeenCalled();
    expect(start.disabled).toBe(false);
    expect(start.getAttribute("aria-disabled")).toBe("true");
    expect(document.activeElement).toBe(start);
  });

  it("is no submit button unless it says so", async () => {
    await show(Button, { children: words("Start") });
    expect(button("Start").type).toBe("button");
  });
});

describe("a value to copy", () => {
  it("goes to the app, and is said to be copied for two seconds", async () => {
    const copyText = vi.fn(async () => undefined);
    await show(CopyField, { ipc: { copyText }, label: "Connector URL", value: "https://a/mcp" });
    const copy = document.querySelector("button");
    copy?.click();
    await settled();
    expect(copyText).toHaveBeenCalledExactlyOnceWith("https://a/mcp");
    expect(copy?.textContent).toContain("Copied");
    expect(document.querySelector("[role=status]")?.textContent).toContain("Copied Connector URL");
    await pass(2_000);
    expect(copy?.textContent).not.toContain("Copied");
    expect(document.querySelector("[role=status]")?.textContent?.trim()).toBe("");
  });

  it("is left selected for the keyboard when the clipboard refuses", async () => {
    const copyText = () => Promise.reject(new IpcError("unavailable", "No clipboard."));
    await show(CopyField, { ipc: { copyText }, label: "Connector URL", value: "https://a/mcp" });
    const copy = document.querySelector("button");
    copy?.click();
    await settled();
    expect(copy?.textContent).toContain("Not copied");
    expect(document.activeElement).toBe(document.querySelector("input"));
  });
});

describe("a quotation", () => {
  it("shows more only when asked, and never all of too much", async () => {
    await show(Quote, { text: "x".repeat(5_000), limit: 10 });
    expect(body()).toBe(`“${"x".repeat(10)}…”show all`);
    button("show all").click();
    await settled();
    expect(body()).toContain("x".repeat(4_000));
    expect(body()).toContain("1,000 more characters are not shown");
  });

  it("never is markup", async () => {
    await show(Quote, { text: "<b>bold</b>\u202e", bare: true });
    expect(document.querySelector("b")).toBeNull();
    expect(body()).toBe("<b>bold</b>U+202E");
  });
});

describe("a switch", () => {
  it("asks, and moves when the app says so", async () => {
    const onchange = vi.fn();
    await show(Switch, { label: "Armed only", hint: "For ten minutes.", checked: false, onchange });
    const knob = document.querySelector("[role=switch]") as HTMLButtonElement;
    knob.click();
    await settled();
    expect(onchange).toHaveBeenCalledExactlyOnceWith(true);
    expect(knob.getAttribute("aria-checked")).toBe("false");
    const hint = document.getElementById(knob.getAttribute("aria-describedby") ?? "");
    expect(hint?.textContent).toBe("For ten minutes.");
  });

  it("takes no second answer while the first is on its way", async () => {
    const onchange = vi.fn();
    await show(Switch, { label: "Armed only", checked: true, busy: true, onchange });
    (document.querySelector("[role=switch]") as HTMLButtonElement).click();
    expect(onchange).not.toHaveBeenCalled();
  });
});

describe("a field", () => {
  it("has its label, its hint and what is wrong with it", async () => {
    await show(TextInput, { label: "Name", hint: "Short.", error: "It is taken." });
    const input = document.querySelector("input");
    expect(document.querySelector("label")?.getAttribute("for")).toBe(input?.id);
    expect(input?.getAttribute("aria-invalid")).toBe("true");
    const told = document.getElementById(input?.getAttribute("aria-describedby") ?? "");
    expect(told?.textContent).toContain("It is taken.");
  });
});

describe("a question", () => {
  const ask = (onconfirm: () => Promise<unknown>) =>
    show(ConfirmDialog, {
      open: true,
      title: "Revoke it?",
      confirm: "Revoke",
      danger: true,
      onconfirm,
      children: words("It loses access."),
    });
  const open = () => document.querySelector("dialog") !== null;

  it("closes when it was done", async () => {
    await ask(async () => undefined);
    expect(open()).toBe(true);
    button("Revoke").click();
    await settled();
    expect(open()).toBe(false);
  });

  it("stays and says why when it was not", async () => {
    await ask(() => Promise.reject(new IpcError("failed", "The disk is full.")));
    button("Revoke").click();
    await settled();
    expect(open()).toBe(true);
    expect(document.querySelector("[role=alert]")?.textContent).toContain("The disk is full.");
  });

  it("can be left, but not while it is being done", async () => {
    let finish = () => {};
    await ask(() => new Promise<void>((done) => (finish = done)));
    button("Revoke").click();
    await settled();
    button("Cancel").click();
    document.querySelector("dialog")?.dispatchEvent(new Event("cancel", { cancelable: true }));
    await settled();
    expect(open()).toBe(true);
    finish();
    await settled();
    expect(open()).toBe(false);
  });
});

describe("what ages", () => {
  it("a time moves on by itself", async () => {
    await show(Time, { at: "2026-03-12T09:29:30Z" });
    expect(body()).toBe("just now");
    await pass(30_000);
    expect(body()).toBe("1 minute ago");
    expect(document.querySelector("time")?.title).toContain("2026");
  });

  it("progress counts its seconds and can be given up", async () => {
    const oncancel = vi.fn();
    await show(Progress, { label: "Starting", since: "2026-03-12T09:29:30Z", oncancel });
    expect(body()).toContain("Starting 30 s");
    await pass(35_000);
    expect(body()).toContain("1 min 5 s");
    button("Cancel").click();
    expect(oncancel).toHaveBeenCalledOnce();
  });
});

it("a state is a word and a shape, not a colour alone", async () => {
  const shapes = new Set<string>();
  for (const state of ["open", "opening", "closed", "attention"] as const) {
    await show(StatePill, { state, word: state });
    expect(body()).toBe(state);
    shapes.add(document.querySelector("svg")?.innerHTML.replace(/<!--.*?-->/g, "") ?? "");
  }
  expect(shapes.size).toBe(4);
});
