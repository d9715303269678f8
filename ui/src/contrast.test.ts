// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const [lightCss = "", darkCss = ""] = css.split("prefers-color-scheme: dark");

function palette(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]),
  );
}

/** Relative luminance as WCAG 2.2 defines it. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [bright = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dark + 0.05);
}

type Pair = readonly [ink: string, paper: string];

const SURFACES = ["background", "surface", "sunken", "hover", "attention-surface"];
const pairs = (inks: string[], papers: string[]): Pair[] =>
  inks.flatMap((ink) => papers.map((paper): Pair => [ink, paper]));

const TEXT: Pair[] = [
  ...pairs(["text", "muted", "accent", "open", "opening", "closed", "attention"], SURFACES),
  // What stands on a ground of its own: pills, notes, what is chosen.
  ...pairs(["text", "muted"], ["accent-surface", "opening-surface", "open-surface"]),
  ["accent", "accent-surface"],
  ["open", "open-surface"],
  ["opening", "opening-surface"],
  ["closed", "closed-surface"],
  ["attention", "attention-surface"],
];
const BUTTONS: Pair[] = [
  ["on-accent", "accent"],
  ["on-accent", "accent-strong"],
  ["on-attention", "attention"],
  ["on-attention", "attention-strong"],
];
const EDGES: Pair[] = [
  ...pairs(["control", "accent"], SURFACES),
  ["control", "accent-surface"],
  ["control", "opening-surface"],
  ["opening", "opening-surface"],
  ["accent", "hairline"],
];

describe.each([
  ["light", palette(lightCss)],
  ["dark", palette(darkCss)],
])("the %s palette", (_, colours) => {
  const of = (name: string) => colours.get(name) ?? expect.fail(`no token --${name}`);

  it.each([...TEXT, ...BUTTONS])("%s on %s can be read", (ink, paper) => {
    expect(contrast(of(ink), of(paper))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(EDGES)("%s on %s can be seen", (edge, paper) => {
    expect(contrast(of(edge), of(paper))).toBeGreaterThanOrEqual(3);
  });
});
