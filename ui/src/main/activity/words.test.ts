import { describe, expect, it } from "vitest";

import type { ActivityView } from "../../ipc";
import { days, heldBack, matching, newWords, untilMidnight } from "./list";
import { duration, outcomeWords, plain, sentence, topicOf } from "./words";

const CALL: ActivityView = {
  id: "7",
  at: "2026-03-10T09:00:00",
  kind: "call",
  client: "ChatGPT",
  server: "notion",
  tool: "search",
  outcome: "done",
  milliseconds: 120,
  detail: null,
};

function line(change: Partial<ActivityView>): ActivityView {
  return { ...CALL, ...change };
}

/** The same event by a known client, and by one that has no name. */
function told(kind: ActivityView["kind"]): [string, string] {
  const bare = { outcome: null, milliseconds: null, server: null, tool: null };
  return [
    plain(sentence(line({ ...bare, kind, server: "notion" }))),
    plain(sentence(line({ ...bare, kind, client: null }))),
  ];
}

describe("a sentence", () => {
  it.each([
    ["connection_asked", "“ChatGPT” asks to connect", "A client asks to connect"],
    ["connection_approved", "You let “ChatGPT” in", "You let a client in"],
    ["connection_denied", "You turned “ChatGPT” away", "You turned a client away"],
    [
      "connection_withdrawn",
      "The question of “ChatGPT” ended without your answer",
      "The question of a client ended without your answer",
    ],
    ["connection_ended", "The connection of “ChatGPT” ended", "The connection of a client ended"],
    [
      "client_registered",
      "“ChatGPT” made itself known; it is not connected",
      "A client made itself known; it is not connected",
    ],
    [
      "refused",
      "“ChatGPT” was turned away without asking you",
      "Somebody was turned away without asking you",
    ],
    [
      "pairing_guessed",
      "Somebody guessed at the code for another device; the code no longer works",
      "Somebody guessed at the code for another device; the code no longer works",
    ],
    [
      "bridge_opened",
      "The bridge opened: clients can reach it",
      "The bridge opened: clients can reach it",
    ],
    [
      "bridge_closed",
      "The bridge closed: nothing can reach it",
      "The bridge closed: nothing can reach it",
    ],
    ["server_failed", "The server notion stopped working", "A server stopped working"],
  ] as const)("tells %s", (kind, named, nameless) => {
    expect(told(kind)).toEqual([named, nameless]);
  });

  it("tells a call, and does not say that it ran when it did not", () => {
    const call = (outcome: ActivityView["outcome"]) => plain(sentence(line({ outcome })));
    expect(call("done")).toBe("“ChatGPT” used search of notion");
    expect(call("failed")).toBe("“ChatGPT” used search of notion");
    expect(call("timed_out")).toBe("“ChatGPT” used search of notion");
    expect(call("refused")).toBe("“ChatGPT” wanted to use search of notion");
    expect(call("asked")).toBe("“ChatGPT” wanted to use search of notion");
    expect(call("unavailable")).toBe("“ChatGPT” wanted to use search of notion");
    expect(call("cancelled")).toBe("“ChatGPT” began to use search of notion");
    expect(plain(sentence(line({ client: null, tool: null, server: null })))).toBe(
      "A client used a tool",
    );
    expect(call(null)).toBe("“ChatGPT” called search of notion");
  });

  it("keeps what strangers say apart from our words", () => {
    const parts = sentence(line({ client: "You let", tool: "rm -rf", server: "files" }));
    expect(parts).toEqual([
      { quote: "You let" },
      { say: "used" },
      { name: "rm -rf" },
      { say: "of" },
      { name: "files" },
    ]);
  });
});

describe("an outcome", () => {
  it.each([
    ["done", "Done", "open"],
    ["failed", "Tool error", "attention"],
    ["refused", "Refused", "closed"],
    ["asked", "Not run", "opening"],
    ["timed_out", "Too slow", "attention"],
    ["unavailable", "Not there", "attention"],
    ["cancelled", "Cancelled", "closed"],
  ] as const)("%s is a word, a colour and what it means", (outcome, word, tone) => {
    expect(outcomeWords(outcome)).toMatchObject({ word, tone });
    expect(outcomeWords(outcome).meaning).toMatch(/\.$/);
  });

  it("has its time with a unit", () => {
    expect([0, 999, 1000, 12_340, 59_999, 120_000].map(duration)).toEqual([
      "0 ms",
      "999 ms",
      "1.0 s",
      "12.3 s",
      "60.0 s",
      "2 min",
    ]);
  });
});

describe("the list", () => {
  const lines = [
    line({ id: "4", at: "2026-03-10T09:00:00" }),
    line({ id: "3", at: "2026-03-09T23:59:00", kind: "bridge_opened", outcome: null }),
    line({ id: "2", at: "2026-03-08T12:00:00", kind: "refused", detail: "Too many requests" }),
    line({ id: "1", at: "2025-03-08T12:00:00", kind: "connection_denied" }),
  ];
  const ids = (found: readonly ActivityView[]) => found.map(({ id }) => id);

  it("shows one topic, or everything", () => {
    expect(lines.map(topicOf)).toEqual(["calls", "bridge", "refused", "connections"]);
    expect(ids(matching(lines, { topic: "refused", text: "" }))).toEqual(["2"]);
    expect(matching(lines, { topic: null, text: " " })).toHaveLength(4);
  });

  it("finds every word, in the sentence, the outcome and the detail", () => {
    expect(ids(matching(lines, { topic: null, text: "SEARCH notion" }))).toEqual(["4"]);
    expect(ids(matching(lines, { topic: null, text: "too many" }))).toEqual(["2"]);
    expect(ids(matching(lines, { topic: "calls", text: "done" }))).toEqual(["4"]);
    expect(matching(lines, { topic: null, text: "search mail" })).toEqual([]);
  });

  it("is put into days by the clock on the wall", () => {
    const found = days(lines, new Date("2026-03-10T10:00:00"));
    expect(found.map(({ heading }) => heading).slice(0, 2)).toEqual(["Today", "Yesterday"]);
    expect(found[2]?.heading).toMatch(/8/);
    expect(found[2]?.heading).not.toContain("2026");
    expect(found[3]?.heading).toContain("2025");
    expect(found.map((day) => ids(day.lines))).toEqual([["4"], ["3"], ["2"], ["1"]]);
    expect(days([lines[0] as ActivityView, line({ id: "0" })], new Date())).toHaveLength(1);
  });

  it("knows when today ends", () => {
    expect(untilMidnight(new Date("2026-03-10T23:59:58").getTime())).toBe(2000);
  });

  it("counts what came since", () => {
    expect(heldBack(lines, "4")).toBe(0);
    expect(heldBack(lines, "2")).toBe(2);
    expect(heldBack(lines, "gone")).toBe(0);
    expect(newWords(3)).toBe("3 new");
  });
});
