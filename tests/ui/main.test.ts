// Every view of the main window in every state, as it is built.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { refuse, type MainApp } from "./app";
import { openStage, type Stage } from "./browser";
import { inspect, MAIN } from "./inspect";
import {
  calm,
  connection,
  ENDED,
  firstDay,
  mainApp,
  MANY_CONNECTIONS,
  MANY_EVENTS,
  MANY_SERVERS,
  server,
} from "./main-worlds";
import { ago, HOSTILE, inSeconds } from "./worlds";

type View = "Connect" | "Servers" | "Connections" | "Activity" | "Settings";

interface State {
  app: MainApp;
  view?: View;
  /** What is done there. */
  then?: (page: Page) => Promise<unknown>;
  /** Words that must be there, then and now. */
  says: string[];
}

const press = (name: string | RegExp) => (page: Page) =>
  page
    .getByRole("button", { name, exact: typeof name === "string" })
    .first()
    .click();
const never = () => new Promise<never>(() => {});
const broken = () =>
  refuse("failed", "The store could not be read: the disk is full. Make room, then try again.");

const STATES: Record<string, () => State> = {
  "connect-first-day": () => ({ app: mainApp(firstDay()), says: ["Add a server"] }),
  "connect-public": () => ({ app: mainApp(), says: ["Connector URL", "ChatGPT"] }),
  "connect-claude": () => ({
    app: mainApp(),
    then: (page) => page.getByRole("tab", { name: "Claude" }).click(),
    says: ["Claude"],
  }),
  "connect-local": () => ({
    app: mainApp({ ...firstDay(), servers: [server("notion")] }),
    says: ["http://127.0.0.1:8787/mcp"],
  }),
  "connect-closed": () => ({
    app: mainApp({ ...calm(), status: { ...calm().status, state: "closed" } }),
    says: ["Closed", "Start"],
  }),
  "connect-opening": () => ({
    app: mainApp({ ...calm(), status: { ...calm().status, state: "opening" } }),
    says: ["Opening"],
  }),
  "connect-attention": () => ({
    app: mainApp({
      ...calm(),
      status: {
        ...calm().status,
        state: "attention",
        problem: {
          code: "unavailable",
          message:
            "Port 8787 is used by another program, so nothing on this computer can reach Drawbridge. Stop that program, or choose another port in Settings.",
        },
      },
    }),
    says: ["Port 8787 is used by another program"],
  }),
  "connect-waiting": () => ({
    app: mainApp({
      ...calm(),
      status: {
        ...calm().status,
        pending_approvals: 2,
        warning: "There is no keychain here, so the key lies in a file beside the data.",
        key_place: "file",
        armed_only: true,
        armed_until: null,
      },
    }),
    says: ["2 approvals wait for you", "Add connection"],
  }),
  "connect-armed": () => ({
    app: mainApp({
      ...calm(),
      status: { ...calm().status, armed_only: true, armed_until: inSeconds(540) },
    }),
    says: ["New connections can ask now"],
  }),
  "connect-by-hand": () => ({
    app: mainApp(),
    then: (page) => page.getByText("Type OAuth fields by hand").click(),
    says: ["Client Secret", "https://client.example/oauth/callback"],
  }),
  "connect-error": () => ({
    app: mainApp(calm(), { checklist: broken }),
    says: ["the disk is full"],
  }),
  starting: () => ({ app: mainApp(calm(), { status: never }), says: ["Starting"] }),
  failed: () => ({
    app: mainApp(calm(), {
      status: () =>
        refuse("unavailable", "The keychain is locked, so the vault stays closed. Unlock it."),
    }),
    says: ["did not start", "Unlock it"],
  }),
  lost: () => ({
    app: mainApp(calm(), {
      status: () => {
        throw new Error("gone");
      },
    }),
    says: ["This window lost the app"],
  }),

  "servers-empty": () => ({ app: mainApp(firstDay()), view: "Servers", says: ["No servers yet"] }),
  "servers-one": () => ({
    app: mainApp({ ...calm(), servers: [server("notion")] }),
    view: "Servers",
    says: ["notion"],
  }),
  "servers-many": () => ({
    app: mainApp({ ...calm(), servers: MANY_SERVERS }),
    view: "Servers",
    says: ["resting", "fetching 12 of 48 packages"],
  }),
  "servers-error": () => ({
    app: mainApp(calm(), { servers: broken }),
    view: "Servers",
    says: ["the disk is full", "Try again"],
  }),
  "servers-add": () => ({
    app: mainApp(),
    view: "Servers",
    then: press("Add a server"),
    says: ["Command"],
  }),
  "servers-add-wrong": () => ({
    app: mainApp(),
    view: "Servers",
    then: async (page) => {
      await press("Add a server")(page);
      await press("Add a variable")(page);
      await press("Add and start")(page);
    },
    says: ["Command"],
  }),
  "servers-detail": () => ({
    app: mainApp(),
    view: "Servers",
    then: press("notion"),
    says: ["trash_page", "Let clients use it"],
  }),
  "servers-detail-hostile": () => ({
    app: mainApp({
      ...calm(),
      tools: Object.values(HOSTILE).map((name, at) => ({
        name,
        title: HOSTILE.long,
        kind: "unknown",
        rule: at % 2 === 0 ? "ask" : "block",
        rule_is_default: at % 2 === 0,
      })),
      log: [HOSTILE.bidi, HOSTILE.word, HOSTILE.markup],
    }),
    view: "Servers",
    then: async (page) => {
      await press("notion")(page);
      await page.getByText("What it said last").click();
    },
    says: ["U+202E"],
  }),
  "servers-detail-failed": () => ({
    app: mainApp({ ...calm(), servers: MANY_SERVERS }),
    view: "Servers",
    then: press("broken"),
    says: ["broken does not work"],
  }),
  "servers-detail-starting": () => ({
    app: mainApp({ ...calm(), servers: MANY_SERVERS }),
    view: "Servers",
    then: press("slow"),
    says: ["Cancel switches it off.", "fetching 12 of 48 packages"],
  }),
  "servers-remove": () => ({
    app: mainApp(),
    view: "Servers",
    then: async (page) => {
      await press("notion")(page);
      await press("Remove notion…")(page);
    },
    says: ["Remove notion?", "chatgpt.com"],
  }),

  "connections-empty": () => ({
    app: mainApp(firstDay()),
    view: "Connections",
    says: ["Nobody is connected"],
  }),
  "connections-one": () => ({
    app: mainApp(),
    view: "Connections",
    says: ["chatgpt.com", "2 minutes ago"],
  }),
  "connections-many": () => ({
    app: mainApp({ ...calm(), connections: [...MANY_CONNECTIONS, ENDED] }),
    view: "Connections",
    then: (page) => page.getByRole("switch", { name: "Show ended" }).click(),
    says: ["backup script", "evil-host.dev", "Inspector"],
  }),
  "connections-error": () => ({
    app: mainApp(calm(), { connections: broken }),
    view: "Connections",
    says: ["the disk is full", "Try again"],
  }),
  "connections-edit": () => ({
    app: mainApp(),
    view: "Connections",
    then: press(/^Edit/),
    says: ["notion", "files"],
  }),
  "connections-revoke": () => ({
    app: mainApp(),
    view: "Connections",
    then: press(/^Revoke chatgpt/),
    says: ["It loses access at once"],
  }),
  "connections-revoke-hostile": () => ({
    app: mainApp({ ...calm(), connections: [connection({ client: HOSTILE.long })] }),
    view: "Connections",
    then: press(/^Revoke /),
    says: ["Keep it"],
  }),
  "connections-revoke-fails": () => ({
    app: mainApp(calm(), { revoke: broken }),
    view: "Connections",
    then: async (page) => {
      await press(/^Revoke chatgpt/)(page);
      await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    },
    says: ["Not revoked", "the disk is full"],
  }),
  "connections-device": () => ({
    app: mainApp(),
    view: "Connections",
    then: press("Connect another device"),
    says: ["https://bridge.example.org", "9:4"],
  }),
  "connections-device-guessed": () => ({
    app: mainApp(calm(), {
      pairing: () => ({ state: "guessed", expires_at: inSeconds(500), wrong_tries: 15 }),
    }),
    view: "Connections",
    then: press("Connect another device"),
    says: ["New code"],
  }),
  "connections-token": () => ({
    app: mainApp({ ...calm(), servers: MANY_SERVERS }),
    view: "Connections",
    then: press("New access token"),
    says: ["Make token"],
  }),
  "connections-token-made": () => ({
    app: mainApp(),
    view: "Connections",
    then: async (page) => {
      await press("New access token")(page);
      await page.getByLabel("Name").fill("backup script");
      await page.getByRole("checkbox", { name: /notion/ }).check();
      await press("Make token")(page);
    },
    says: ["Copy it now"],
  }),

  "activity-empty": () => ({
    app: mainApp(firstDay()),
    view: "Activity",
    says: ["Nothing has happened yet"],
  }),
  "activity-many": () => ({
    app: mainApp({ ...calm(), activity: MANY_EVENTS }),
    view: "Activity",
    says: ["create_page", "Somebody guessed"],
  }),
  "activity-nothing-found": () => ({
    app: mainApp(),
    view: "Activity",
    then: (page) => page.getByRole("searchbox").fill("no such thing"),
    says: ["Nothing matches"],
  }),
  "activity-error": () => ({
    app: mainApp(calm(), { activity: broken }),
    view: "Activity",
    says: ["the disk is full", "Try again"],
  }),

  settings: () => ({ app: mainApp(), view: "Settings", says: ["Opening", "Tunnel", "Secrets"] }),
  "settings-fixed": () => ({
    app: mainApp({
      ...calm(),
      status: { ...calm().status, key_place: "environment" },
      settings: {
        ...calm().settings,
        fixed: ["ports.loopback", "ports.local", "ports.tunnel", "tunnel", "public_url"],
      },
      secrets: {
        key_place: "environment",
        warning: "The key comes from TOKEN_ENCRYPTION_KEY: whoever reads that can read all.",
        names: [],
      },
    }),
    view: "Settings",
    says: ["TOKEN_ENCRYPTION_KEY"],
  }),
  "settings-error": () => ({
    app: mainApp(calm(), { settings: broken, secrets: broken }),
    view: "Settings",
    says: ["the disk is full", "Try again"],
  }),
  "settings-not-saved": () => ({
    app: mainApp(calm(), { change_settings: broken }),
    view: "Settings",
    then: (page) => page.getByRole("switch", { name: "Armed only" }).click(),
    says: ["Not saved", "the disk is full"],
  }),
  "settings-erase": () => ({
    app: mainApp(),
    view: "Settings",
    then: press("Erase…"),
    says: ["Erase everything?"],
  }),
  "settings-rotate": () => ({
    app: mainApp(),
    view: "Settings",
    then: press("Change…"),
    says: ["Change the key?"],
  }),
};

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

it.each(Object.keys(STATES))("%s", async (name) => {
  const state = STATES[name]?.();
  if (!state) throw new Error(`no state ${name}`);
  const shown = await stage.main(state.app);
  try {
    if (state.view) await press(new RegExp(`^${state.view}`))(shown.page);
    await state.then?.(shown.page);
    for (const words of state.says) await shown.page.getByText(words).first().waitFor();
    expect(await inspect(shown, name, MAIN)).toEqual([]);
  } finally {
    await shown.close();
  }
});

it("asks again when something changed, and shows the view it is told to", async () => {
  const house = calm();
  const shown = await stage.main(mainApp(house));
  await shown.emit("show-view", "activity");
  await shown.page.getByRole("heading", { name: "Activity" }).waitFor();
  house.activity = [
    { ...MANY_EVENTS[0], tool: "brand_new_tool", id: "999", at: ago(1) } as (typeof MANY_EVENTS)[0],
    ...house.activity,
  ];
  await shown.changed();
  await shown.page.getByText("brand_new_tool").waitFor();
  expect(shown.misdeeds).toEqual([]);
  await shown.close();
});
