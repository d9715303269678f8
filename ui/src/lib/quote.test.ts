import { describe, expect, it } from "vitest";

import { quotation } from "./quote";

const shown = (text: string, limit = 100, lines = false) =>
  quotation(text, limit, lines)
    .parts.map((part) => (part.named ? `[${part.text}]` : part.text))
    .join("");

describe("a quotation", () => {
  it.each([
    ["ChatGPT", "ChatGPT"],
    ["Größe 大小 שלום", "Größe 大小 שלום"],
    ["❤️", "❤️"],
    ["<b>&amp;</b>", "<b>&amp;</b>"],
  ])("leaves %j as it is", (text, words) => {
    expect(shown(text)).toBe(words);
  });

  it.each([
    ["a\u202eb", "a[U+202E]b"],
    ["a\u2066b\u2069", "a[U+2066]b[U+2069]"],
    ["\u200bx", "[U+200B]x"],
    ["x\u0000\u001b[31m", "x[U+0000][U+001B][31m"],
    ["one\ntwo\ttabs", "one[U+000A]two[U+0009]tabs"],
    ["\u2028", "[U+2028]"],
    ["\u3164\uffa0\u2800", "[U+3164][U+FFA0][U+2800]"],
    ["\ue000", "[U+E000]"],
    ["\ud83d", "[U+D83D]"],
    ["\u{e0041}", "[U+E0041]"],
    ["a\ufe00", "a[U+FE00]"],
  ])("names what %j hides", (text, words) => {
    expect(shown(text)).toBe(words);
  });

  it("shows every space as the plain one", () => {
    expect(shown("a\u00a0b\u2003c")).toBe("a b c");
  });

  it("keeps line breaks and tabs of text with lines", () => {
    expect(shown("one\n\ttwo\r", 100, true)).toBe("one\n\ttwo[U+000D]");
  });

  it("leaves a letter three marks, and names the rest", () => {
    expect(shown("Z\u0301\u0301\u0301\u0301\u0301")).toBe("Z\u0301\u0301\u0301[U+0301][U+0301]");
  });

  it("ends at the limit and counts what is left, in whole characters", () => {
    expect(quotation("😀😀😀😀", 3)).toEqual({
      parts: [{ text: "😀😀😀", named: false }],
      left: 1,
    });
    expect(quotation("abc", 3).left).toBe(0);
    expect(quotation("x".repeat(50_000), Infinity).left).toBe(0);
    // Six characters each: two names fill ten.
    expect(quotation("\u200b".repeat(5), 10).left).toBe(3);
    expect(quotation("", 10)).toEqual({ parts: [], left: 0 });
  });
});
