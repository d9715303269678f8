// Every kind of question in the approval window, as it is built.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refuse, type ApprovalApp } from "./app";
import { openStage, type Shown, type Stage } from "./browser";
import { APPROVAL, inspect } from "./inspect";
import {
  ago,
  approvalApp,
  confirmationQuestion,
  connectionQuestion,
  FILES,
  HOSTILE,
  inSeconds,
  LONG_HOST,
  NOTION,
} from "./worlds";

interface State {
  app: ApprovalApp;
  then?: (page: Page) => Promise<unknown>;
  says: string[];
}

const UNVERIFIED = {
  redirect_known: false,
  redirect_host: LONG_HOST,
  redirect_registrable: "evil-host.dev",
  client_kind: "dcr",
  client_domain: null,
} as const;

const STATES: Record<string, () => State> = {
  "approval-known": () => ({
    app: approvalApp(connectionQuestion({}, 2)),
    says: ["chatgpt.com", "goes back there", "2 more wait behind this one", "just now"],
  }),
  "approval-one-server": () => ({
    app: approvalApp(connectionQuestion({ choices: [NOTION] })),
    then: async (page) => {
      await page.getByText("read & write").click();
      await page.getByText("4 tools can change things · 2 will ask first").click();
    },
    says: ["trash_page", "destroys · asks first"],
  }),
  "approval-unverified": () => ({
    app: approvalApp(connectionQuestion({ ...UNVERIFIED, client: HOSTILE.bidi })),
    says: ["not verified: anyone can use this name", "self-registered, not verified", "U+202E"],
  }),
  "approval-long-name": () => ({
    app: approvalApp(connectionQuestion({ ...UNVERIFIED, client: HOSTILE.word })),
    then: (page) => page.getByRole("button", { name: "show all" }).click(),
    says: ["Deny"],
  }),
  "approval-many-lines": () => ({
    app: approvalApp(connectionQuestion({ ...UNVERIFIED, client: HOSTILE.lines })),
    says: ["U+000A"],
  }),
  "approval-longest-host": () => ({
    app: approvalApp(
      connectionQuestion({
        ...UNVERIFIED,
        redirect_host: `${"a1b2c3d4e5-".repeat(5)}.${"x".repeat(63)}.${"y".repeat(63)}.evil-host.dev:8443`,
        client: HOSTILE.marks,
      }),
    ),
    says: ["evil-", ":8443"],
  }),
  "approval-other-device": () => ({
    app: approvalApp(
      connectionQuestion({
        proof: "code",
        from_address: "2001:db8:85a3:8d3:1319:8a2e:370:7348",
        from_country: "DE",
        requested_at: ago(130),
      }),
    ),
    says: ["in Germany", "2 minutes ago"],
  }),
  "approval-program": () => ({
    app: approvalApp(
      connectionQuestion({
        redirect_loopback: true,
        redirect_known: false,
        redirect_host: "127.0.0.1:33418",
        redirect_registrable: null,
        client: "Cursor",
        client_kind: "dcr",
        client_domain: null,
        proof: "program",
        address: "http://127.0.0.1:8787",
      }),
    ),
    says: ["A program on this computer", "that says it is"],
  }),
  "approval-by-hand": () => ({
    app: approvalApp(
      connectionQuestion({
        client_kind: "static",
        client_domain: null,
        client: "the client you typed in by hand",
        pkce: false,
      }),
    ),
    says: ["It has the client id that you typed in by hand", "PKCE"],
  }),
  "approval-nothing-to-choose": () => ({
    app: approvalApp(connectionQuestion({ choices: [] })),
    says: ["Nothing to choose", "Choose servers"],
  }),
  "approval-many-servers": () => ({
    app: approvalApp(
      connectionQuestion({
        choices: Array.from({ length: 12 }, (_, at) => ({
          ...FILES,
          name: `server-${at}`,
          title: at === 3 ? HOSTILE.bidi : FILES.title,
        })),
      }),
    ),
    says: ["server-11"],
  }),
  "approval-too-late": () => ({
    app: approvalApp(connectionQuestion({ expires_at: inSeconds(0) })),
    says: ["Time is up: nobody was let in"],
  }),
  "approval-did-not-count": () => ({
    app: {
      ...approvalApp(connectionQuestion({ choices: [NOTION] })),
      decide: () =>
        refuse("conflict", "This is not what was shown: look at the question again, then decide."),
    },
    then: (page) => page.getByRole("button", { name: "Deny" }).click(),
    says: ["Your answer did not count", "look at the question again"],
  }),
  "approval-lost": () => ({
    app: {
      ...approvalApp(),
      question: () => {
        throw new Error("gone");
      },
    },
    says: ["Nobody was let in", "Try again"],
  }),
  "approval-nothing": () => ({ app: approvalApp(null), says: ["Nothing waits for you"] }),
  confirmation: () => ({
    app: approvalApp(confirmationQuestion({}, 1)),
    says: ["Add this server and start it?", "A command in a terminal"],
  }),
  "confirmation-ran-by": () => ({
    app: approvalApp(confirmationQuestion({ details: RAN_BY })),
    says: ["make-it-so"],
  }),
  "confirmation-long": () => ({
    app: approvalApp(
      confirmationQuestion({
        details: [
          { label: "Name", value: HOSTILE.bidi },
          { label: "Command", value: `sh -c ${HOSTILE.word}` },
          { label: "Variables", value: HOSTILE.long },
        ],
      }),
    ),
    says: ["Allow only if that was you, just now."],
  }),
};

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

describe("looks right", () => {
  it.each(Object.keys(STATES))("%s", async (name) => {
    const state = STATES[name]?.();
    if (!state) throw new Error(`no state ${name}`);
    const shown = await stage.approval(state.app);
    try {
      await state.then?.(shown.page);
      for (const words of state.says) await shown.page.getByText(words).first().waitFor();
      expect(await inspect(shown, name, APPROVAL)).toEqual([]);
    } finally {
      await shown.close();
    }
  });
});

/** Runs a test on a page and takes it away. */
async function on(
  app: ApprovalApp,
  work: (page: Page, shown: Shown<ApprovalApp>) => Promise<void>,
): Promise<void> {
  const shown = await stage.approval(app);
  try {
    await work(shown.page, shown);
    expect(shown.misdeeds).toEqual([]);
  } finally {
    await shown.close();
  }
}

const approve = (page: Page) => page.getByRole("button", { name: "Approve" });
const answers = (shown: Shown<ApprovalApp>) =>
  shown.asked.filter(({ command }) => command === "decide" || command === "confirm");
const focused = (page: Page) =>
  page.evaluate(() => {
    const { activeElement } = document;
    return activeElement === document.body ? "nothing" : (activeElement?.textContent ?? "").trim();
  });
/** Presses Tab until this has the focus, as somebody without a mouse does. */
async function tabTo(page: Page, target: ReturnType<Page["locator"]>): Promise<void> {
  for (let presses = 0; presses < 30; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("Tab does not lead there");
}

/** Waits until the time to look is over. */
async function untilKeysAct(page: Page): Promise<void> {
  await expect
    .poll(
      async () => {
        await page.keyboard.press("Tab");
        return focused(page);
      },
      { timeout: 20_000, interval: 200 },
    )
    .not.toBe("nothing");
}

describe("with the keyboard alone", () => {
  it("a connection is let in", () =>
    on(approvalApp(connectionQuestion()), async (page, shown) => {
      await page.keyboard.press("Tab");
      expect(await focused(page)).toBe("nothing");
      await expect.poll(() => shown.page.getByText("tick at least one").count()).toBe(1);
      // What can be read can be chosen; only Approve waits.
      const notion = page.getByRole("checkbox", { name: /notion/ });
      await notion.waitFor();
      await untilKeysAct(page);
      await tabTo(page, notion);
      await page.keyboard.press("Space");
      await tabTo(page, page.getByRole("radio", { name: "read", exact: true }));
      await page.keyboard.press("ArrowRight");
      await tabTo(page, page.getByRole("radio", { name: "until I revoke it" }));
      await page.keyboard.press("ArrowUp");
      await tabTo(page, approve(page));
      await page.keyboard.press("Enter");
      await page.keyboard.press("NumpadEnter");
      expect(answers(shown)).toEqual([]);
      await page.keyboard.press("Space");
      await page.getByText("Nothing waits for you").waitFor();
      expect(answers(shown)).toEqual([
        {
          command: "decide",
          given: {
            decision: {
              id: "7Q2M",
              shown: "a1".repeat(16),
              terms: { servers: ["notion"], access: "read-write", lifetime: "30d" },
            },
          },
        },
      ]);
    }));

  it("a connection is turned away with Esc, but not before the time is over", () =>
    on(approvalApp(connectionQuestion({ choices: [NOTION] })), async (page, shown) => {
      for (const key of ["Escape", "Enter", "Space", "Tab", "Space"])
        await page.keyboard.press(key);
      expect(answers(shown)).toEqual([]);
      await approve(page).and(page.locator(":enabled")).waitFor();
      expect(await focused(page)).toBe("nothing");
      await page.keyboard.press("Escape");
      await page.getByText("Nothing waits for you").waitFor();
      expect(answers(shown)[0]?.given).toEqual({
        decision: { id: "7Q2M", shown: "a1".repeat(16), terms: null },
      });
    }));

  it("a confirmation is allowed", () =>
    on(approvalApp(confirmationQuestion()), async (page, shown) => {
      const allow = page.getByRole("button", { name: "Allow" });
      await allow.and(page.locator(":enabled")).waitFor();
      await tabTo(page, allow);
      await page.keyboard.press("Enter");
      expect(answers(shown)).toEqual([]);
      await page.keyboard.press("Space");
      await page.getByText("Nothing waits for you").waitFor();
      expect(answers(shown)[0]).toEqual({
        command: "confirm",
        given: { answer: { id: "C-1", shown: "c3".repeat(16), allow: true } },
      });
    }));
});

describe("the time to look", () => {
  it("is two seconds, whatever the mouse does", () =>
    on(approvalApp(connectionQuestion({ choices: [NOTION] })), async (page, shown) => {
      const began = await page.evaluate(() => performance.now());
      await approve(page).click({ force: true });
      expect(answers(shown)).toEqual([]);
      await approve(page).and(page.locator(":enabled")).waitFor();
      expect((await page.evaluate(() => performance.now())) - began).toBeGreaterThan(1_500);
      await approve(page).click();
      await page.getByText("Nothing waits for you").waitFor();
      expect(answers(shown)).toHaveLength(1);
    }));

  it("begins anew for the next question, which stands there at once", () =>
    on(
      approvalApp(
        connectionQuestion({ choices: [NOTION] }, 1),
        connectionQuestion({ id: "NEXT", shown: "b2".repeat(16), choices: [NOTION, FILES] }),
      ),
      async (page, shown) => {
        await approve(page).and(page.locator(":enabled")).waitFor();
        await approve(page).click();
        await page.getByText("tick at least one").waitFor();
        expect(await approve(page).isDisabled()).toBe(true);
        await approve(page).click({ force: true });
        expect(answers(shown)).toHaveLength(1);
        expect(await page.getByRole("checkbox", { checked: true }).count()).toBe(0);
      },
    ));

  it("begins anew when the window gets the focus", () =>
    on(approvalApp(connectionQuestion({ choices: [NOTION] })), async (page) => {
      await approve(page).and(page.locator(":enabled")).waitFor();
      await page.evaluate(() => window.dispatchEvent(new Event("focus")));
      await approve(page).and(page.locator(":disabled")).waitFor();
      await approve(page).and(page.locator(":enabled")).waitFor();
    }));
});

const MORE = "Scroll to the end to read all of it";
const LONG_COMMAND = `npx -y thing ${"--harmless yes ".repeat(200)}--and-then  something-else`;

const RAN_BY = [
  { label: "Name", value: "files" },
  { label: "The command calls itself", value: "drawbridge" },
  ...["python3", "make-it-so", "bash", "tmux: server", "systemd"].map((value) => ({
    label: "Run by what calls itself",
    value,
  })),
  { label: "Program and arguments", value: "npx -y @modelcontextprotocol/server-everything" },
];

describe("what is longer than the window", () => {
  const long = () => confirmationQuestion({ details: [{ label: "Command", value: LONG_COMMAND }] });
  const allow = (page: Page) => page.getByRole("button", { name: "Allow" });

  it("is allowed with the keyboard alone, once its end was in view", () =>
    on(approvalApp(long()), async (page, shown) => {
      await page.getByText(MORE).waitFor();
      await shown.picture("confirmation-unread");
      await page.keyboard.press("Tab");
      expect(await focused(page)).toBe("nothing");
      await untilKeysAct(page);
      expect(await allow(page).isDisabled()).toBe(true);
      await allow(page).click({ force: true });
      expect(answers(shown)).toEqual([]);

      const content = page.locator(".content");
      await tabTo(page, content);
      await page.keyboard.press("PageDown");
      await expect.poll(() => content.evaluate((each) => each.scrollTop)).toBeGreaterThan(100);
      expect(await allow(page).isDisabled()).toBe(true);
      await page.keyboard.press("End");
      await allow(page).and(page.locator(":enabled")).waitFor();
      expect(await page.getByText(MORE).count()).toBe(0);
      await shown.picture("confirmation-read");

      // Scrolling back takes nothing away.
      await page.keyboard.press("Home");
      await expect.poll(() => content.evaluate((each) => each.scrollTop)).toBe(0);
      expect(await allow(page).isDisabled()).toBe(false);
      await tabTo(page, allow(page));
      await page.keyboard.press("Space");
      await page.getByText("Nothing waits for you").waitFor();
      expect(answers(shown)).toHaveLength(1);
    }));

  it("is allowed with the mouse, but not early", () =>
    on(approvalApp(long()), async (page) => {
      await page.locator(".content").hover();
      await page.mouse.wheel(0, 100_000);
      await expect.poll(() => page.getByText(MORE).count()).toBe(0);
      expect(await allow(page).isDisabled()).toBe(true);
      await allow(page).and(page.locator(":enabled")).waitFor();
    }));

  it("is turned away unread", () =>
    on(approvalApp(long()), async (page, shown) => {
      await page.getByText(MORE).waitFor();
      await page.getByRole("button", { name: "Deny" }).click();
      await page.getByText("Nothing waits for you").waitFor();
      expect(answers(shown)[0]?.given).toEqual({
        answer: { id: "C-1", shown: "c3".repeat(16), allow: false },
      });
    }));

  it("has to be read at 200 %, too, where all of it scrolls together", async () => {
    const shown = await stage.approval(approvalApp(confirmationQuestion()), { zoom: 2 });
    const { page } = shown;
    try {
      await page.getByRole("heading").first().waitFor();
      await untilKeysAct(page);
      expect(await allow(page).isDisabled()).toBe(true);
      await page.keyboard.press("End");
      await allow(page).and(page.locator(":enabled")).waitFor();
      expect(await shown.barriers()).toEqual([]);
    } finally {
      await shown.close();
    }
  });

  it("shows every space of a command", () =>
    on(
      approvalApp(confirmationQuestion({ details: [{ label: "Command", value: "a     b" }] })),
      async (page) => {
        const wide = await page.getByText("a     b", { exact: true }).evaluate((element) => {
          const range = document.createRange();
          range.selectNodeContents(element);
          return range.getBoundingClientRect().width;
        });
        const one = await page.evaluate(() => {
          const probe = document.querySelector("dd bdi")?.cloneNode(true) as HTMLElement;
          probe.textContent = "a b";
          document.querySelector("dd .quote")?.append(document.createElement("br"), probe);
          return probe.getBoundingClientRect().width;
        });
        expect(wide).toBeGreaterThan(one * 2);
      },
    ));
});

it.each([
  ["a known client with two servers", () => connectionQuestion()],
  ["a confirmation", () => confirmationQuestion()],
  [
    "a confirmation of a command that many others ran",
    () => confirmationQuestion({ details: RAN_BY }),
  ],
])("the usual question fits as a whole: %s", (_, question) =>
  on(approvalApp(question()), async (page) => {
    await untilKeysAct(page);
    expect(await page.getByText(MORE).count()).toBe(0);
  }),
);

it("leads to the servers when there is nothing to choose", () =>
  on(approvalApp(connectionQuestion({ choices: [] })), async (page, shown) => {
    await page.getByRole("button", { name: "Choose servers" }).click();
    await expect.poll(() => shown.asked.map(({ command }) => command)).toContain("choose_servers");
    expect(await approve(page).isDisabled()).toBe(true);
  }));

it("keeps the right end of a host in view, whatever its length", () =>
  on(
    approvalApp(connectionQuestion({ ...UNVERIFIED, redirect_host: `${"a".repeat(230)}.dev` })),
    async (page) => {
      const host = page.locator(".host");
      const inside = await host.evaluate((element) => {
        const range = document.createRange();
        const last = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        let text: Node | null = null;
        while (last.nextNode()) if (last.currentNode.textContent) text = last.currentNode;
        if (!text) return false;
        range.setStart(text, Math.max(0, (text.textContent?.length ?? 0) - 3));
        range.setEnd(text, text.textContent?.length ?? 0);
        const box = range.getBoundingClientRect();
        return box.width > 0 && box.right <= innerWidth && box.bottom <= innerHeight;
      });
      expect(inside).toBe(true);
    },
  ));
