// What the approval window says, sentence by sentence: pure, so that each has a test.
import type { ApprovalView, ChoiceView, ConfirmationView, GrantLifetime, ToolView } from "../ipc";

/** The host in two parts, so that the part somebody registered can stand out. */
export interface HostParts {
  before: string;
  registrable: string;
  /** The port, if it is told. */
  after: string;
}

export function hostParts(host: string, registrable: string | null): HostParts {
  const port = /:\d+$/.exec(host)?.[0] ?? "";
  const name = host.slice(0, host.length - port.length);
  if (registrable !== null && (name === registrable || name.endsWith(`.${registrable}`))) {
    const before = name.slice(0, name.length - registrable.length);
    return { before, registrable, after: port };
  }
  return { before: "", registrable: name, after: port };
}

/** How large a host can be set so that all of it is seen. */
export function hostSize(host: string): "large" | "medium" | "small" {
  if (host.length <= 24) return "large";
  return host.length <= 64 ? "medium" : "small";
}

/** What is known of the place it goes back to. */
export type Place =
  /** A host we know by name. */
  | { kind: "known" }
  /** Any other host. */
  | { kind: "unverified" }
  /** A program on the computer of the browser: this one, or another device. */
  | { kind: "program"; where: string };

export function placeOf(approval: ApprovalView): Place {
  if (approval.redirect_loopback) {
    return {
      kind: "program",
      where:
        approval.proof === "code" ? "A program on that other device" : "A program on this computer",
    };
  }
  return { kind: approval.redirect_known ? "known" : "unverified" };
}

/** What the name of the client is worth. */
export function clientWorth(approval: ApprovalView): {
  words: string;
  domain: string | null;
  verified: boolean;
} {
  switch (approval.client_kind) {
    case "static":
      return {
        words: "It has the client id that you typed in by hand",
        domain: null,
        verified: true,
      };
    case "cimd":
      return approval.client_domain === null
        ? { words: "self-registered, not verified", domain: null, verified: false }
        : { words: "described at", domain: approval.client_domain, verified: true };
    case "dcr":
    case "script":
      return { words: "self-registered, not verified", domain: null, verified: false };
  }
}

/** Where it was asked from. `elsewhere` is to be looked at twice. */
export function origin(approval: ApprovalView): { words: string; elsewhere: boolean } {
  switch (approval.proof) {
    case "browser":
      return { words: "From this computer’s browser", elsewhere: false };
    case "program":
      return { words: "From a program on this computer", elsewhere: false };
    case "code": {
      const country = countryName(approval.from_country);
      const address = approval.from_address ?? "an unknown address";
      const where = country === null ? "country unknown" : country;
      return { words: `From another device: ${address}, ${where}`, elsewhere: true };
    }
  }
}

/** The name of a country, from the two letters that the tunnel tells. */
export function countryName(code: string | null): string | null {
  if (code === null || !/^[A-Z][A-Z0-9]$/.test(code) || code === "XX") return null;
  if (code === "T1") return "over the Tor network";
  const name = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" }).of(code);
  return name === undefined ? null : `in ${name}`;
}

/** Which of our addresses it came to. */
export function cameTo(address: string): string {
  const host = URL.canParse(address) ? new URL(address).host : address;
  return /^(127\.|localhost(:|$)|\[::1\])/.test(host)
    ? "It came by this computer’s own address, which nothing outside can reach."
    : `It came by your public address, ${host}.`;
}

/** How many others wait. */
export function waitingWords(waiting: number): string {
  return waiting === 1 ? "1 more waits behind this one" : `${waiting} more wait behind this one`;
}

export const LIFETIMES: readonly { value: GrantLifetime; label: string; hint?: string }[] = [
  { value: "1h", label: "1 hour" },
  { value: "1d", label: "1 day" },
  { value: "30d", label: "30 days" },
  { value: "never", label: "until I revoke it", hint: "or until it was not used for 30 days" },
];

/** Adds up what the chosen servers can do. */
export function total(choices: readonly ChoiceView[]): Omit<ChoiceView, "name" | "title"> {
  const sum = { tools: 0, changing: 0, asking: 0 };
  for (const { tools, changing, asking } of choices) {
    sum.tools += tools;
    sum.changing += changing;
    sum.asking += asking;
  }
  return sum;
}

export function toolsWords(tools: number): string {
  if (tools === 0) return "no tool known yet";
  return tools === 1 ? "1 tool" : `${tools} tools`;
}

/** What the chosen servers and level mean, in one line. */
export function meaning(chosen: readonly ChoiceView[], writes: boolean): string {
  const { tools, changing, asking } = total(chosen);
  const change =
    changing === 1 ? "1 tool can change things" : `${changing} tools can change things`;
  if (tools === 0) return "No tool is known yet";
  if (changing === 0) return `${toolsWords(tools)}, and none changes anything`;
  if (!writes)
    return `${toolsWords(tools - changing)} to read with; ${changing} that can change things stay out`;
  return asking === 0 ? `${change} · none asks first` : `${change} · ${asking} will ask first`;
}

/** What one tool means for this connection. */
export function toolWords(tool: ToolView, writes: boolean): string {
  if (tool.rule === "block") return "blocked";
  if (tool.kind === "reads") return tool.rule === "ask" ? "reads · asks first" : "reads";
  if (!writes) return "stays out";
  const does = { changes: "changes", destroys: "destroys", unknown: "does not say" }[tool.kind];
  return tool.rule === "ask" ? `${does} · asks first` : does;
}

/** Details of a confirmation, those that follow each other under the same label together. */
export function underLabels(
  details: ConfirmationView["details"],
): { label: string; values: string[] }[] {
  const rows: { label: string; values: string[] }[] = [];
  for (const { label, value } of details) {
    const last = rows.at(-1);
    if (last?.label === label) last.values.push(value);
    else rows.push({ label, values: [value] });
  }
  return rows;
}
