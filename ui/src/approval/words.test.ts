import { describe, expect, it } from "vitest";

import { approval, FILES, NOTION, tool } from "./samples";
import { chosenTerms, firstTerms } from "./terms";
import {
  cameTo,
  clientWorth,
  countryName,
  hostParts,
  hostSize,
  LIFETIMES,
  meaning,
  origin,
  placeOf,
  toolsWords,
  toolWords,
  underLabels,
  waitingWords,
} from "./words";

describe("the host", () => {
  it.each([
    ["chatgpt.com", "chatgpt.com", ["", "chatgpt.com", ""]],
    ["login.chatgpt.com", "chatgpt.com", ["login.", "chatgpt.com", ""]],
    ["chatgpt.com.evil.dev:8443", "evil.dev", ["chatgpt.com.", "evil.dev", ":8443"]],
    ["xn--chtgpt-4ve.com", "xn--chtgpt-4ve.com", ["", "xn--chtgpt-4ve.com", ""]],
    ["intranet", null, ["", "intranet", ""]],
    // A part that is none of its own is not believed.
    ["evilchatgpt.com", "chatgpt.com", ["", "evilchatgpt.com", ""]],
  ] as const)("%s", (host, registrable, [before, middle, after]) => {
    expect(hostParts(host, registrable)).toEqual({ before, registrable: middle, after });
  });

  it("is set smaller the longer it is", () => {
    expect(hostSize("chatgpt.com")).toBe("large");
    expect(hostSize("a".repeat(60))).toBe("medium");
    expect(hostSize("a".repeat(253))).toBe("small");
  });
});

describe("the place it goes back to", () => {
  it("has a mark only when we know it by name", () => {
    expect(placeOf(approval()).kind).toBe("known");
    expect(placeOf(approval({ redirect_known: false })).kind).toBe("unverified");
  });

  it("is a program on the computer of the browser, known or not", () => {
    const loopback = { redirect_loopback: true, redirect_known: true };
    expect(placeOf(approval(loopback))).toEqual({
      kind: "program",
      where: "A program on this computer",
    });
    expect(placeOf(approval({ ...loopback, proof: "code" }))).toEqual({
      kind: "program",
      where: "A program on that other device",
    });
  });
});

describe("the client", () => {
  it("is worth what we know of it", () => {
    expect(clientWorth(approval())).toEqual({
      words: "described at",
      domain: "chatgpt.com",
      verified: true,
    });
    for (const nobody of [
      approval({ client_kind: "dcr", client_domain: null }),
      approval({ client_kind: "cimd", client_domain: null }),
    ]) {
      expect(clientWorth(nobody).words).toBe("self-registered, not verified");
      expect(clientWorth(nobody).verified).toBe(false);
    }
    expect(clientWorth(approval({ client_kind: "static" })).words).toContain("typed in by hand");
  });
});

describe("where it was asked from", () => {
  it("is this computer, or elsewhere", () => {
    expect(origin(approval())).toEqual({ words: "From this computer’s browser", elsewhere: false });
    expect(origin(approval({ proof: "program" }))).toEqual({
      words: "From a program on this computer",
      elsewhere: false,
    });
    const code = { proof: "code", from_address: "203.0.113.7", from_country: "DE" } as const;
    expect(origin(approval(code))).toEqual({
      words: "From another device: 203.0.113.7, in Germany",
      elsewhere: true,
    });
    expect(origin(approval({ ...code, from_address: null, from_country: null })).words).toBe(
      "From another device: an unknown address, country unknown",
    );
  });

  it.each([
    ["FR", "in France"],
    ["T1", "over the Tor network"],
    ["XX", null],
    [null, null],
    ["<b>", null],
    ["ZZZ", null],
  ])("names the country %j", (code, name) => {
    expect(countryName(code)).toBe(name);
  });

  it.each([
    ["http://127.0.0.1:8787", "this computer’s own address"],
    ["http://localhost:8787", "this computer’s own address"],
    ["http://[::1]:8787", "this computer’s own address"],
    ["https://bridge.example.org", "your public address, bridge.example.org"],
    ["https://localhost.example.org", "your public address, localhost.example.org"],
  ])("came to %s", (address, words) => {
    expect(cameTo(address)).toContain(words);
  });
});

describe("what it may do", () => {
  it("begins with reading; one server is meant, of several none is", () => {
    expect(firstTerms([NOTION])).toEqual({
      servers: ["notion"],
      access: "read",
      lifetime: "never",
    });
    expect(firstTerms([NOTION, FILES]).servers).toEqual([]);
    expect(firstTerms([]).servers).toEqual([]);
  });

  it("is sent in the order it was offered, and nothing else is", () => {
    const terms = { servers: ["files", "gone", "notion"], access: "read", lifetime: "1d" } as const;
    expect(chosenTerms({ ...terms, servers: [...terms.servers] }, [NOTION, FILES])).toEqual({
      servers: ["notion", "files"],
      access: "read",
      lifetime: "1d",
    });
  });

  it("is said in a line", () => {
    expect(meaning([NOTION], true)).toBe("6 tools can change things · 2 will ask first");
    expect(meaning([NOTION], false)).toBe(
      "14 tools to read with; 6 that can change things stay out",
    );
    expect(meaning([FILES], true)).toBe("4 tools, and none changes anything");
    expect(meaning([{ ...NOTION, changing: 1, asking: 0 }], true)).toBe(
      "1 tool can change things · none asks first",
    );
    expect(meaning([NOTION, FILES], false)).toContain("18 tools");
    expect(meaning([{ ...FILES, tools: 0 }], false)).toBe("No tool is known yet");
    expect([0, 1, 2].map(toolsWords)).toEqual(["no tool known yet", "1 tool", "2 tools"]);
  });

  it("is said of each tool", () => {
    expect(toolWords(tool("a"), false)).toBe("reads");
    expect(toolWords(tool("a", { rule: "ask" }), false)).toBe("reads · asks first");
    expect(toolWords(tool("a", { kind: "changes" }), false)).toBe("stays out");
    expect(toolWords(tool("a", { kind: "changes" }), true)).toBe("changes");
    expect(toolWords(tool("a", { kind: "destroys", rule: "ask" }), true)).toBe(
      "destroys · asks first",
    );
    expect(toolWords(tool("a", { kind: "unknown" }), true)).toBe("does not say");
    expect(toolWords(tool("a", { rule: "block" }), true)).toBe("blocked");
  });

  it("lasts for one of four times", () => {
    expect(LIFETIMES.map(({ value }) => value)).toEqual(["1h", "1d", "30d", "never"]);
  });

  it("counts those behind it", () => {
    expect(waitingWords(1)).toBe("1 more waits behind this one");
    expect(waitingWords(2)).toBe("2 more wait behind this one");
  });
});

it("puts details under one label that follow each other with the same one, in their order", () => {
  const by = (value: string) => ({ label: "Run by", value });
  const name = { label: "Name", value: "files" };
  expect(underLabels([])).toEqual([]);
  expect(underLabels([by("sh"), by("node"), name, by("sh")])).toEqual([
    { label: "Run by", values: ["sh", "node"] },
    { label: "Name", values: ["files"] },
    { label: "Run by", values: ["sh"] },
  ]);
});
