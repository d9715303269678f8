// The pages in the system's Chromium, with a fake app behind them and an eye on all they do.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

import axe from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

import { tell, type ApprovalApp, type Asked, type MainApp } from "./app";
import { ARTIFACTS } from "./places";
import { servePages, type Pages } from "./server";

export type Scheme = "light" | "dark";
export type Window = "main" | "approval";

export interface Size {
  width: number;
  height: number;
}

export interface Look {
  scheme?: Scheme;
  /** The window's size in points; by default what the app makes it. */
  size?: Size;
  /** 2 is 200 %: half as many points fit into the same window. */
  zoom?: 1 | 2;
}

const SIZES: Record<Window, Size> = {
  main: { width: 900, height: 640 },
  approval: { width: 480, height: 600 },
};

/** A page that is shown. */
export interface Shown<App> {
  page: Page;
  app: App;
  /** What it asked so far. */
  asked: Asked[];
  /** Tells the page that something changed. */
  changed(): Promise<void>;
  /** Sends another event of the app. */
  emit(event: string, payload: unknown): Promise<void>;
  /** What is wrong for people who use assistive technology, in a line each. */
  barriers(): Promise<string[]>;
  /** Looks at it in other light, in a window of another size, or nearer. */
  look(look: Look): Promise<void>;
  /** How high the page would have to be so that nothing scrolls. */
  wholeHeight(): Promise<number>;
  /** A picture into the artifacts. */
  picture(name: string): Promise<void>;
  /** What the page did that it must not do: other origins, violated policy, errors. */
  misdeeds: string[];
  close(): Promise<void>;
}

export interface Stage {
  main(app: MainApp, look?: Look): Promise<Shown<MainApp>>;
  approval(app: ApprovalApp, look?: Look): Promise<Shown<ApprovalApp>>;
  close(): Promise<void>;
}

/** Without these Chromium looks for its maker's servers at every start. */
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Runs in the page before its own scripts, as tauri's do. */
function door(): void {
  type Callback = (data: unknown) => void;
  const callbacks = new Map<number, Callback>();
  const listeners = new Map<number, { event: string; handler: number }>();
  let next = 1;
  const page = window as unknown as {
    drawbridgeAsk(command: string, given: unknown): Promise<{ ok: unknown } | { error: unknown }>;
    drawbridgeEmit(event: string, payload: unknown): void;
    drawbridgeMisdeed(text: string): Promise<void>;
    __TAURI_INTERNALS__: unknown;
    __TAURI_EVENT_PLUGIN_INTERNALS__: unknown;
  };

  page.__TAURI_INTERNALS__ = {
    transformCallback(callback: Callback): number {
      callbacks.set(next, callback);
      return next++;
    },
    unregisterCallback: (id: number) => callbacks.delete(id),
    async invoke(command: string, given: Record<string, unknown> = {}): Promise<unknown> {
      if (command === "plugin:event|listen") {
        const { event, handler } = given as { event: string; handler: number };
        listeners.set(next, { event, handler });
        return next++;
      }
      if (command === "plugin:event|unlisten") {
        listeners.delete((given as { eventId: number }).eventId);
        return null;
      }
      const told = await page.drawbridgeAsk(command, given);
      if ("error" in told) throw told.error;
      return told.ok;
    },
  };
  page.__TAURI_EVENT_PLUGIN_INTERNALS__ = {
    unregisterListener: (_event: string, id: number) => listeners.delete(id),
  };
  page.drawbridgeEmit = (event, payload) => {
    for (const [id, listener] of listeners) {
      if (listener.event === event) callbacks.get(listener.handler)?.({ event, id, payload });
    }
  };
  document.addEventListener("securitypolicyviolation", (violation) => {
    void page.drawbridgeMisdeed(
      `the policy forbids ${violation.effectiveDirective}: ${violation.blockedURI} ${violation.sourceFile}:${violation.lineNumber}`,
    );
  });
  // As the app's `freezePrototype` does.
  Object.freeze(Object.prototype);
}

/** What the browser is called on one system or another. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The system's Chromium: what CHROMIUM says, or the first of its names that is on the path. */
function chromiumPath(): string {
  const told = process.env["CHROMIUM"];
  if (told) return told;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
  if (found) return found;
  throw new Error("Chromium is not installed. Install it, or name its program in CHROMIUM");
}

async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    // A browser of root's has no sandbox to start.
    chromiumSandbox: process.getuid?.() !== 0,
    args: QUIET,
  });
}

export async function openStage(): Promise<Stage> {
  const pages = await servePages();
  const browser = await launch();
  return {
    main: (app, look) => show(browser, pages, "main", app, look),
    approval: (app, look) => show(browser, pages, "approval", app, look),
    async close() {
      await browser.close();
      await pages.close();
    },
  };
}

async function show<App extends MainApp | ApprovalApp>(
  browser: Browser,
  pages: Pages,
  window: Window,
  app: App,
  { scheme = "light", size = SIZES[window], zoom = 1 }: Look = {},
): Promise<Shown<App>> {
  // Its size is set below: only so does zooming leave the window as large as it is.
  const context: BrowserContext = await browser.newContext({
    colorScheme: scheme,
    reducedMotion: "reduce",
    viewport: null,
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  const asked: Asked[] = [];
  const misdeeds: string[] = [];

  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== pages.origin) misdeeds.push(`asked another origin: ${request.url()}`);
  });
  page.on("pageerror", (error) => misdeeds.push(`threw: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") misdeeds.push(`complained: ${message.text()}`);
  });
  await context.exposeFunction("drawbridgeMisdeed", (text: string) => void misdeeds.push(text));
  await context.exposeFunction(
    "drawbridgeAsk",
    (command: string, given: Record<string, unknown> | null) => {
      asked.push({ command, given: given ?? {} });
      return tell(app, command, given ?? {});
    },
  );
  await context.addInitScript(door);

  const tools = await context.newCDPSession(page);
  const fit = ({ width, height }: Size, zoom: number) =>
    tools.send("Emulation.setDeviceMetricsOverride", {
      width: Math.floor(width / zoom),
      height: Math.floor(height / zoom),
      deviceScaleFactor: zoom,
      mobile: false,
    });
  await fit(size, zoom);
  await page.goto(`${pages.origin}/${window}.html`);
  await page.waitForSelector("main");

  const emit = (event: string, payload: unknown) =>
    page.evaluate(
      ([event, payload]) =>
        (
          globalThis as unknown as { drawbridgeEmit(event: unknown, payload: unknown): void }
        ).drawbridgeEmit(event, payload),
      [event, payload],
    );

  return {
    page,
    app,
    asked,
    misdeeds,
    emit,
    changed: () => emit("changed", null),
    async look({ scheme, size: other = size, zoom = 1 }) {
      if (scheme) await page.emulateMedia({ colorScheme: scheme });
      await fit(other, zoom);
      // Two frames: one in which the page learns of it, one in which it is drawn.
      await page.evaluate(
        () =>
          new Promise<void>((drawn) =>
            requestAnimationFrame(() => requestAnimationFrame(() => drawn())),
          ),
      );
    },
    async barriers() {
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
          runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        }),
      );
      return violations.flatMap(({ id, help, nodes }) =>
        nodes.map((node) => `${id}: ${help}: ${node.html} ${node.failureSummary ?? ""}`),
      );
    },
    async picture(name) {
      const { data } = await tools.send("Page.captureScreenshot", { format: "png" });
      await writeFile(new URL(`${name}.png`, ARTIFACTS), Buffer.from(data, "base64"));
    },
    async wholeHeight() {
      return page.evaluate(() => {
        const scrollers = [...document.querySelectorAll("main, .content, dialog[open]")];
        const hidden = scrollers.map((each) => each.scrollHeight - each.clientHeight);
        return (
          Math.max(innerHeight, document.documentElement.scrollHeight) + Math.max(0, ...hidden)
        );
      });
    },
    close: () => context.close(),
  };
}

/** What stands out of the page or makes it scroll where it must not. */
export async function overflows(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = [document.documentElement, ...document.querySelectorAll("main, main *")]
      .filter((each) => each.scrollWidth > each.clientWidth + 1)
      .filter((each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX))
      .map((each) => `${each.tagName.toLowerCase()}.${each.className} scrolls sideways`);
    const out = [...document.querySelectorAll("body *")]
      .filter((each) => !each.closest(".spoken") && each.getBoundingClientRect().right > width + 1)
      .map((each) => `${each.tagName.toLowerCase()}.${String(each.className)} is cut off`);
    const { scrollWidth, scrollHeight, clientHeight } = document.documentElement;
    if (scrollWidth > width) out.push("the page scrolls sideways");
    // Parts of the page scroll, and it stands still, so that what one decides with stays in view;
    // but for large text in a small window.
    if (clientHeight > 420 && scrollHeight > clientHeight) out.push("the page scrolls as a whole");
    return [...scrolls, ...out];
  });
}
