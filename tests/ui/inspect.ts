// The same inspection for every state of every view.
import type { ApprovalApp, MainApp } from "./app";
import { overflows, type Scheme, type Shown, type Size } from "./browser";

/** Names for what is found, so that a failing test says all that is wrong at once. */
type Faults = string[];

/** The sizes of a window: the last one is what it is made with. */
export interface Sizes {
  /** In which nothing may scroll sideways. */
  sizes: Size[];
  /** In which pictures are made. */
  usual: Size;
}

export const MAIN: Sizes = {
  sizes: [
    { width: 720, height: 520 },
    { width: 900, height: 640 },
  ],
  usual: { width: 900, height: 640 },
};

export const APPROVAL: Sizes = {
  sizes: [{ width: 480, height: 600 }],
  usual: { width: 480, height: 600 },
};

const SCHEMES: Scheme[] = ["light", "dark"];
const ZOOMS = [1, 2] as const;
/** Higher pictures nobody looks at. */
const HIGHEST = 2600;

/** Looks at what is shown in every light and size, and takes its pictures. */
export async function inspect(
  shown: Shown<MainApp | ApprovalApp>,
  name: string,
  { sizes, usual }: Sizes,
): Promise<Faults> {
  const faults: Faults = [];
  const found = (where: string, all: string[]) =>
    faults.push(...all.map((each) => `${name}, ${where}: ${each}`));

  for (const size of sizes) {
    for (const zoom of ZOOMS) {
      await shown.look({ size, zoom });
      found(`${size.width}×${size.height} at ${zoom * 100} %`, await overflows(shown.page));
    }
  }
  for (const zoom of ZOOMS) {
    await shown.look({ size: usual, zoom });
    const height = Math.min(HIGHEST, (await shown.wholeHeight()) * zoom);
    for (const scheme of SCHEMES) {
      await shown.look({ scheme, size: { ...usual, height }, zoom });
      if (zoom === 1) found(scheme, await shown.barriers());
      await shown.picture(`${name}-${scheme}-${zoom * 100}`);
    }
  }
  await shown.look({ scheme: "light", size: usual });
  found("always", shown.misdeeds);
  return faults;
}
