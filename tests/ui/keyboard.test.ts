// The main window without a mouse.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { openStage, type Stage } from "./browser";
import { calm, connection, mainApp } from "./main-worlds";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

/** What has the focus, as a screen reader would say it. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute("aria-label") ?? element?.textContent?.trim() ?? "";
  });

async function tabTo(page: Page, words: RegExp): Promise<void> {
  const seen: string[] = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (words.test(now)) return;
    seen.push(now);
  }
  throw new Error(`Tab does not lead to ${words}; it leads to: ${seen.join(" | ")}`);
}

/** What has the focus has a ring around it that can be seen. */
async function expectRing(page: Page): Promise<void> {
  const ring = await page.evaluate(() => {
    const element = document.activeElement;
    if (!element) return "nothing has the focus";
    const look = (pseudo?: string) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element, pseudo);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    };
    const around = element.closest("label");
    const label = around ? getComputedStyle(around).outlineStyle !== "none" : false;
    return look() || look("::after") || label ? "" : `no ring: ${element.outerHTML.slice(0, 120)}`;
  });
  expect(ring).toBe("");
}

it("a connection is revoked", async () => {
  const shown = await stage.main(mainApp({ ...calm(), connections: [connection()] }));
  const { page } = shown;
  await tabTo(page, /^Connections/);
  await expectRing(page);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Connections" }).waitFor();
  await page.getByText("chatgpt.com").first().waitFor();
  await tabTo(page, /^Revoke/);
  await page.keyboard.press("Enter");

  // The question begins at the way back: Enter at once keeps the connection.
  await page.getByRole("dialog").waitFor();
  expect(await focused(page)).toBe("Keep it");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(shown.asked.some(({ command }) => command === "revoke")).toBe(false);

  // The focus is back where it came from.
  expect(await focused(page)).toMatch(/^Revoke/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect(await focused(page)).toBe("Revoke");
  await page.keyboard.press("Enter");
  await page.getByText("Nobody is connected").waitFor();
  expect(shown.asked.filter(({ command }) => command === "revoke")).toEqual([
    { command: "revoke", given: { id: "G-1" } },
  ]);
  expect(shown.misdeeds).toEqual([]);
  await shown.close();
});

it("the focus stays inside a question", async () => {
  const shown = await stage.main(mainApp());
  const { page } = shown;
  await tabTo(page, /^Connections/);
  await page.keyboard.press("Enter");
  await tabTo(page, /^Revoke/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(
      () =>
        document.activeElement === document.body ||
        document.activeElement?.closest("dialog") !== null,
    );
    expect(inside).toBe(true);
  }
  await shown.close();
});

it("every view is reached, and everything that takes the focus shows it", async () => {
  const shown = await stage.main(mainApp());
  const { page } = shown;
  for (const view of ["Servers", "Connections", "Activity", "Settings", "Connect"]) {
    await tabTo(page, new RegExp(`^${view}(,|$)`));
    await page.keyboard.press("Enter");
    await page.locator("nav [aria-current=page]", { hasText: view }).waitFor();
    for (let presses = 0; presses < 12; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement !== document.body)) {
        await expectRing(page);
      }
    }
  }
  expect(shown.misdeeds).toEqual([]);
  await shown.close();
});

it("the tabs of the guide take arrow keys", async () => {
  const shown = await stage.main(mainApp());
  const { page } = shown;
  const tab = (name: string) => page.getByRole("tab", { name, exact: true });
  await tab("ChatGPT").focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => tab("Claude").getAttribute("aria-selected")).toBe("true");
  await page.keyboard.press("End");
  await expect.poll(() => tab("Cursor & others").getAttribute("aria-selected")).toBe("true");
  await shown.close();
});

it("copying is announced", async () => {
  const shown = await stage.main(mainApp());
  const { page } = shown;
  const before = shown.asked.length;
  await page
    .getByRole("button", { name: /^Copy Connector URL/ })
    .first()
    .click();
  await page.getByRole("status").filter({ hasText: "Copied Connector URL" }).waitFor();
  expect(shown.asked.slice(before)).toContainEqual({
    command: "copy_text",
    given: { text: "https://bridge.example.org/mcp" },
  });
  await shown.close();
});
