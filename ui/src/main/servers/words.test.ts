import { describe, expect, it } from "vitest";

import { sampleConnection } from "../../samples";
import { kindsWords, losers, standing, startedBy, toolWords } from "./words";

describe("the words about a server", () => {
  it("tell how it stands", () => {
    expect(standing({ enabled: false, health: "failed" })).toEqual({ word: "Off", tone: "closed" });
    expect(standing({ enabled: true, health: "running" }).tone).toBe("open");
    expect(standing({ enabled: true, health: "starting" }).word).toBe("Starting…");
    expect(standing({ enabled: true, health: "failed" }).tone).toBe("attention");
    expect(standing({ enabled: true, health: "idle" }).word).toBe("Starts when used");
  });

  it("count tools", () => {
    expect([0, 1, 12].map(toolWords)).toEqual(["0 tools", "1 tool", "12 tools"]);
  });

  it("sum up what the tools do", () => {
    expect(kindsWords(["reads", "reads", "destroys"])).toBe(
      "3 tools: 2 only read, 1 can destroy things",
    );
    expect(kindsWords(["unknown", "reads", "changes"])).toBe(
      "3 tools: 1 only reads, 1 can change things, 1 does not say what it does",
    );
    expect(kindsWords(["unknown", "unknown"])).toBe("2 tools: none says what it does");
    expect(kindsWords(["reads"])).toBe("1 tool: it only reads");
    expect(kindsWords([])).toBe("");
  });
});

describe("a server's picture", () => {
  it("tells what starts it", () => {
    const found = ["npx", "C:\\bin\\uvx.exe", "/usr/bin/docker", "/opt/notes"].map(startedBy);
    expect(found).toEqual(["package", "package", "container", "program"]);
  });
});

describe("removing a server", () => {
  it("names the connections that lose it", () => {
    const all = [
      sampleConnection({ id: "1", servers: ["notes"] }),
      sampleConnection({ id: "2", servers: ["files"] }),
      sampleConnection({ id: "3", servers: ["notes"], state: "ended" }),
    ];
    expect(losers(all, "notes").map(({ id }) => id)).toEqual(["1"]);
  });
});
