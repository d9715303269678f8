import { describe, expect, it } from "vitest";

import type { ConnectionView } from "../../ipc";
import { sampleConnection } from "../../samples";
import {
  accessWords,
  addressWords,
  calledWords,
  changesSomething,
  compare,
  editWords,
  endedWords,
  groupCode,
  hostParts,
  isEditable,
  isProgram,
  isRevocable,
  notCarriedOut,
  pairingObstacle,
  pairingWords,
  revokeAllWords,
  revokedWords,
  secondsLeft,
  spokenTime,
  standing,
  widens,
  wrongTriesWords,
} from "./words";

const CONNECTION = sampleConnection({ origin: "https://bridge.example:8443" });

describe("a connection's state", () => {
  it("is a word, a tone and what it means", () => {
    const said = (change: Partial<ConnectionView>) => standing({ ...CONNECTION, ...change });
    expect(said({ state: "active" })).toEqual({ word: "Connected", tone: "open", meaning: null });
    expect(said({ client_kind: "script" }).word).toBe("Valid");
    expect(said({ state: "pending" }).word).toBe("Waiting for the client");
    expect(said({ state: "connect-again" }).meaning).toContain("connector URL of now");
    expect(said({ state: "damaged" }).meaning).toContain("can only be revoked");
    expect(said({ state: "ended", end_reason: "unused" })).toEqual({
      word: "Ended",
      tone: "closed",
      meaning: "Nobody used it for 30 days.",
    });
  });

  it("decides what can be done with it", () => {
    const of = (state: ConnectionView["state"]) => ({ ...CONNECTION, state });
    expect(["pending", "active"].map((state) => isEditable(of(state as "active")))).toEqual([
      true,
      true,
    ]);
    expect(isEditable(of("damaged"))).toBe(false);
    expect(isRevocable(of("damaged"))).toBe(true);
    expect(isRevocable(of("ended"))).toBe(false);
  });

  it.each([
    ["revoked-by-user", "You revoked it."],
    ["revoked-by-client", "signed out"],
    ["code-reuse", "second time"],
    ["refresh-token-reuse", "copy"],
    ["expired", "time was over"],
    ["never-connected", "never came back"],
    ["some-new-reason", "some new reason"],
  ])("says why it ended: %s", (reason, words) => {
    expect(endedWords(reason)).toContain(words);
  });

  it("says where it comes in", () => {
    expect(addressWords(CONNECTION)).toBe("through bridge.example:8443");
    expect(addressWords({ ...CONNECTION, origin: "loopback" })).toBe("from this computer only");
    expect(accessWords("read-write")).toBe("Read and write");
  });
});

describe("what a connection is called", () => {
  it.each([
    [{}, "chatgpt.com"],
    [{ client_kind: "script", redirect_host: null }, "this access token"],
    [{ redirect_host: null }, "this connection"],
    [{ redirect_host: "127.0.0.1" }, "this program"],
    [{ redirect_host: "localhost" }, "this program"],
    [{ redirect_host: "127.0.0.1:33418" }, "this program"],
    [{ redirect_host: "[::1]:4711" }, "this program"],
    [{ redirect_host: "cursor:" }, "this program"],
  ] as const)("%j", (change, words) => {
    expect(calledWords({ ...CONNECTION, ...change })).toBe(words);
  });

  it("does not take a website for a program", () => {
    expect(isProgram({ ...CONNECTION, redirect_host: "localhost.example" })).toBe(false);
    expect(isProgram({ ...CONNECTION, redirect_host: "127.0.0.1.example:80" })).toBe(false);
    expect(isProgram({ ...CONNECTION, redirect_host: "example.com:8443" })).toBe(false);
  });
});

describe("a host", () => {
  it("has its registered part set apart, and only where it really is its end", () => {
    expect(hostParts("login.chatgpt.com", "chatgpt.com")).toEqual({
      before: "login.",
      registrable: "chatgpt.com",
      after: "",
    });
    expect(hostParts("a.example.com:8443", "example.com")).toEqual({
      before: "a.",
      registrable: "example.com",
      after: ":8443",
    });
    expect(hostParts("chatgpt.com", "chatgpt.com").before).toBe("");
    expect(hostParts("notchatgpt.com", "chatgpt.com").before).toBe("");
    expect(hostParts("[::1]:80", null)).toMatchObject({ registrable: "[::1]", after: ":80" });
    expect(hostParts("10.0.0.1", null)).toEqual({ before: "", registrable: "10.0.0.1", after: "" });
  });
});

describe("an edit", () => {
  const before = { servers: ["files", "notion"], access: "read" } as const;
  const after = (servers: string[], access: "read" | "read-write" = "read") =>
    compare({ ...before, servers: [...before.servers] }, { servers, access });

  it("that only takes away holds at once", () => {
    const edit = after(["files"]);
    expect(widens(edit)).toBe(false);
    expect(edit.removed).toEqual(["notion"]);
    expect(editWords(edit)).toContain("next call");
  });

  it("that adds a server or writing asks first, whatever else it does", () => {
    expect(widens(after(["files", "mail"]))).toBe(true);
    expect(widens(after(["files", "notion"], "read-write"))).toBe(true);
    expect(editWords(after(["mail"]))).toContain("small window");
  });

  it("knows when nothing changes", () => {
    expect(changesSomething(after(["notion", "files"]))).toBe(false);
    expect(editWords(after(["notion", "files"]))).toBe("Nothing is changed yet.");
    const lowered = compare({ servers: [], access: "read-write" }, { servers: [], access: "read" });
    expect(changesSomething(lowered)).toBe(true);
  });

  it("says what became of the question", () => {
    expect(notCarriedOut("refused")).toBe("You said no, so nothing changed.");
    expect(notCarriedOut("unavailable")).toContain("Nobody answered");
    expect(notCarriedOut("failed")).toBe("Nothing changed.");
  });
});

describe("revoking all", () => {
  it("counts", () => {
    expect(revokeAllWords(1)).toBe("Revoke the one connection?");
    expect(revokeAllWords(4)).toBe("Revoke all 4 connections?");
    expect([0, 1, 2].map(revokedWords)).toEqual([
      "There was nothing left to revoke.",
      "One connection revoked.",
      "2 connections revoked.",
    ]);
  });
});

describe("a code for another device", () => {
  it("is read in two groups of four", () => {
    expect(groupCode("ABCDEFGH")).toBe("ABCD-EFGH");
    expect(groupCode("ABCD-EFGH")).toBe("ABCD-EFGH");
    expect(groupCode("")).toBe("");
  });

  it("says what became of it", () => {
    expect(pairingWords("open", false).works).toBe(true);
    expect(pairingWords("used", true).explanation).toContain("small window");
    expect(pairingWords("used", false).explanation).toContain("cannot be used again");
    expect(pairingWords("guessed", false).title).toBe("Somebody guesses: the code no longer works");
    expect(pairingWords("expired", false).works).toBe(false);
    expect([0, 1, 3].map(wrongTriesWords)).toEqual([
      null,
      "One wrong code came in so far.",
      "3 wrong codes came in so far.",
    ]);
  });

  it("says why another device would not find the page", () => {
    const public_url = "https://bridge.example";
    expect(pairingObstacle({ state: "open", public_url })).toBeNull();
    expect(pairingObstacle({ state: "open", public_url: null })).toContain("no public address");
    expect(pairingObstacle({ state: "closed", public_url })).toContain("not open");
  });

  it("counts down", () => {
    const until = "2026-01-01T00:10:00Z";
    expect(secondsLeft(until, Date.parse("2026-01-01T00:00:00Z"))).toBe(600);
    expect(secondsLeft(until, Date.parse("2026-01-01T00:09:58.100Z"))).toBe(2);
    expect(secondsLeft(until, Date.parse("2026-01-01T01:00:00Z"))).toBe(0);
    expect([600, 61, 1, 0].map(spokenTime)).toEqual([
      "10 minutes",
      "1 minute 1 second",
      "1 second",
      "0 seconds",
    ]);
  });
});
