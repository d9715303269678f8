// What the tests of the pages share: a page on a fake app. No page imports it.
import { flushSync, mount, tick, unmount, type Component } from "svelte";

import type { ApprovalIpc, Ipc } from "./ipc";

/** A fake app: it answers what the test says, and rejects everything else by its name. */
export type Fake<Door> = Door & {
  /** Tells the page that something changed. */
  change(): void;
  /** How many listeners are there now. */
  readonly listeners: number;
};

function fake<Door extends { onChange: Ipc["onChange"] }>(answers: Partial<Door>): Fake<Door> {
  const listeners = new Set<() => void>();
  const known: Record<string, unknown> = {
    onChange: async (changed: () => void) => {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    onShowView: async () => () => {},
    change: () => listeners.forEach((changed) => changed()),
    ...answers,
  };
  return new Proxy(known, {
    get(target, name) {
      if (name === "listeners") return listeners.size;
      // A promise library looks for `then`; a fake app has none.
      if (typeof name !== "string" || name === "then") return undefined;
      return target[name] ?? (() => Promise.reject(new Error(`the test does not answer ${name}`)));
    },
    set(target, name, value: unknown) {
      if (typeof name === "string") target[name] = value;
      return true;
    },
  }) as Fake<Door>;
}

/** The app as the main window sees it; answers can be replaced by assignment. */
export function fakeIpc(answers: Partial<Ipc> = {}): Fake<Ipc> {
  return fake<Ipc>(answers);
}

/** The app as the approval window sees it. */
export function fakeApprovalIpc(answers: Partial<ApprovalIpc> = {}): Fake<ApprovalIpc> {
  return fake<ApprovalIpc>(answers);
}

let page: ReturnType<typeof mount> | undefined;

/** Lets promises and effects run out. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await tick();
  flushSync();
}

/** Shows a component as the only one of the document. Take it away with {@link clear}. */
export async function show<Props extends Record<string, unknown>>(
  component: Component<Props>,
  props: Props,
): Promise<HTMLElement> {
  await clear();
  page = mount(component as Component, { target: document.body, props });
  await settled();
  return document.body;
}

/** Takes the shown component away; for `afterEach`. */
export async function clear(): Promise<void> {
  if (page) await unmount(page);
  page = undefined;
  document.body.replaceChildren();
}

/** The button with these words; fails when there is none. */
export function button(words: string, within: ParentNode = document): HTMLButtonElement {
  const all = [...within.querySelectorAll("button")];
  const found = all.find((each) => (each.textContent ?? "").trim() === words);
  if (!found) {
    const there = all.map((each) => each.textContent?.trim()).join(" | ");
    throw new Error(`no button “${words}” among: ${there}`);
  }
  return found;
}
