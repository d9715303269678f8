// The pictures of docs/tour.md: every view of the app in good order, as large as its window is.
// `npm run pictures` takes them over into docs/images.
import { afterAll, beforeAll, expect, it } from "vitest";

import type { ApprovalApp, MainApp } from "./app";
import { openStage, type Scheme, type Shown, type Stage } from "./browser";
import { calm, connection, event, mainApp, server } from "./main-worlds";
import { approvalApp, connectionQuestion, inSeconds } from "./worlds";

const DAY = 24 * 60 * 60;

function house() {
  const chatgpt = { server: "notion", outcome: "done" } as const;
  return mainApp({
    ...calm(),
    servers: [
      server("notion", { tools: 8 }),
      server("files", { tools: 14 }),
      server("calendar", { health: "idle", tools: 5, process: null, command: "docker" }),
    ],
    connections: [
      connection({ servers: ["notion", "files"], access: "read-write" }),
      connection({
        id: "G-2",
        client: "Claude",
        redirect_host: "claude.ai",
        redirect_registrable: "claude.ai",
        client_domain: "claude.ai",
        lifetime: "30d",
        expires_at: inSeconds(12 * DAY),
      }),
      connection({
        id: "G-3",
        client: "backup script",
        client_kind: "script",
        client_domain: null,
        redirect_host: null,
        redirect_registrable: null,
        origin: "loopback",
        servers: ["files"],
      }),
    ],
    activity: [
      event(1, { ...chatgpt, tool: "search", milliseconds: 84 }),
      event(2, { ...chatgpt, tool: "fetch_page", milliseconds: 212 }),
      event(3, { ...chatgpt, tool: "create_page", milliseconds: 340 }),
      event(4, { ...chatgpt, tool: "trash_page", outcome: "refused", milliseconds: 3 }),
      event(5, { ...chatgpt, client: "Claude", tool: "search", milliseconds: 97 }),
      event(6, {
        kind: "connection_approved",
        client: "Claude",
        server: null,
        tool: null,
        outcome: null,
        milliseconds: null,
        detail: "notion, read, for 30 days",
      }),
    ],
  });
}

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

async function take(
  shown: Shown<MainApp> | Shown<ApprovalApp>,
  name: string,
  schemes: Scheme[],
): Promise<void> {
  for (const scheme of schemes) {
    await shown.look({ scheme });
    await shown.picture(`tour-${name}${scheme === "dark" ? "-dark" : ""}`);
  }
  expect(shown.misdeeds).toEqual([]);
  await shown.close();
}

it("approval", async () => {
  const shown = await stage.approval(approvalApp(connectionQuestion()));
  const { page } = shown;
  await page.getByRole("checkbox", { name: /notion/ }).check();
  await page.getByText("read & write").click();
  await page.getByRole("button", { name: "Approve" }).and(page.locator(":enabled")).waitFor();
  await page.mouse.move(0, 0);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await take(shown, "approval", ["light", "dark"]);
});

it.each([
  ["Connect", "Connect a client"],
  ["Servers", "calendar"],
  ["Connections", "backup script"],
  ["Activity", "create_page"],
  ["Settings", "Start at login"],
])("%s", async (view, says) => {
  const shown = await stage.main(house());
  await shown.page
    .getByRole("button", { name: new RegExp(`^${view}\\b`) })
    .first()
    .click();
  await shown.page.getByText(says).first().waitFor();
  await shown.page.mouse.move(0, 0);
  await take(shown, view.toLowerCase(), ["light"]);
});
