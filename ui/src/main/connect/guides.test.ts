import { describe, expect, it } from "vitest";

import type { Progress } from "../../ipc";
import {
  claudeCodeCommand,
  codeSnippet,
  currentStep,
  cursorSnippet,
  guide,
  type ClientTab,
} from "./guides";

const NOTHING: Progress = { registered_at: null, approved_at: null, first_call_at: null };
const LOCAL = {
  local_url: "http://127.0.0.1:8787",
  public_url: null,
  connector_url: "http://127.0.0.1:8787/mcp",
};
const PUBLIC = {
  ...LOCAL,
  public_url: "https://bridge.example",
  connector_url: "https://bridge.example/mcp",
};
const AT = "2026-11-23T10:00:00Z";

const values = (tab: ClientTab, address: typeof LOCAL | typeof PUBLIC) =>
  guide(tab, address, NOTHING).flatMap(({ values, variants }) =>
    [...values, ...variants.map((variant) => variant.value)].map(({ value }) => value),
  );

describe("the guides", () => {
  it("give ChatGPT the fields of its form", () => {
    expect(values("chatgpt", PUBLIC)).toEqual([
      "Drawbridge",
      "https://bridge.example/mcp",
      "OAuth",
    ]);
  });

  it("give Claude the fields of its form", () => {
    expect(values("claude", PUBLIC)).toEqual(["Drawbridge", "https://bridge.example/mcp"]);
  });

  it.each(["chatgpt", "claude"] as const)("never give %s an address it cannot reach", (tab) => {
    expect(values(tab, LOCAL)).toContain(null);
    expect(values(tab, LOCAL).join()).not.toContain("127.0.0.1");
  });

  it("give programs on this computer the address of this computer", () => {
    expect(values("other", PUBLIC)).toHaveLength(4);
    for (const value of values("other", PUBLIC)) expect(value).toContain("127.0.0.1:8787/mcp");
  });

  it("write snippets that clients can read", () => {
    const url = "http://127.0.0.1:8787/mcp";
    expect(JSON.parse(cursorSnippet(url))).toEqual({ mcpServers: { drawbridge: { url } } });
    expect(JSON.parse(codeSnippet(url))).toEqual({
      servers: { drawbridge: { type: "http", url } },
    });
    expect(claudeCodeCommand(url)).toBe(
      "claude mcp add --transport http drawbridge http://127.0.0.1:8787/mcp",
    );
  });
});

describe.each(["chatgpt", "claude", "other"] as const)("the ticks of %s", (tab) => {
  const done = (progress: Partial<Progress>) =>
    guide(tab, PUBLIC, { ...NOTHING, ...progress }).map((step) => step.done);

  it("follow what was seen", () => {
    expect(done({})).toEqual([false, false, false, false]);
    expect(done({ registered_at: AT })).toEqual([true, true, false, false]);
    expect(done({ registered_at: AT, approved_at: AT })).toEqual([true, true, true, false]);
    expect(done({ first_call_at: AT })).toEqual([true, true, true, true]);
  });

  it("carry the time of each that is seen", () => {
    const seen = guide(tab, PUBLIC, { registered_at: "r", approved_at: "a", first_call_at: "f" });
    expect(seen.map(({ at }) => at)).toEqual([null, "r", "a", "f"]);
  });

  it("lead to the first step that is not done", () => {
    expect(currentStep(guide(tab, PUBLIC, NOTHING))).toBe(0);
    expect(currentStep(guide(tab, PUBLIC, { ...NOTHING, registered_at: AT }))).toBe(2);
    expect(currentStep(guide(tab, PUBLIC, { ...NOTHING, first_call_at: AT }))).toBe(-1);
  });
});
