import { describe, expect, it } from "vitest";

import type { ConnectionView } from "../../ipc";
import { kindsWords, losers, standing, toolWords } from "./words";

const connection = (given: Partial<ConnectionView>): ConnectionView => ({
  id: "1",
  client: "ChatGPT",
  client_kind: "cimd",
  client_domain: "chatgpt.com",
  redirect_host: "chatgpt.com",
  origin: "loopback",
  servers: ["notes"],
  access: "read",
  created_at: "2026-11-23T10:00:00Z",
  last_used_at: "2026-11-23T10:00:00Z",
  expires_at: null,
  state: "active",
  end_reason: null,
  ...given,
});

describe("the words about a server", () => {
  it("tell how it stands", () => {
    expect(standing({ enabled: false, health: "failed" })).toEqual({ word: "Off", tone: "closed" });
    expect(standing({ enabled: true, health: "running" }).tone).toBe("open");
    expect(standing({ enabled: true, health: "starting" }).word).toBe("Starting…");
    expect(standing({ enabled: true, health: "failed" }).tone).toBe("attention");
    expect(standing({ enabled: true, health: "idle" }).word).toBe("Starts when used");
  });

  it("count tools", () => {
    expect([null, 0, 1, 12].map(toolWords)).toEqual([
      "tools not known yet",
      "0 tools",
      "1 tool",
      "12 tools",
    ]);
  });

  it("sum up what the tools do", () => {
    expect(kindsWords(["reads", "reads", "destroys"])).toBe("2 read · 1 destroys");
    expect(kindsWords(["unknown", "unknown", "changes"])).toBe("1 changes · 2 do not say");
    expect(kindsWords([])).toBe("");
  });
});

describe("removing a server", () => {
  it("names the connections that lose it", () => {
    const all = [
      connection({ id: "1" }),
      connection({ id: "2", servers: ["files"] }),
      connection({ id: "3", state: "ended" }),
    ];
    expect(losers(all, "notes").map(({ id }) => id)).toEqual(["1"]);
  });
});
