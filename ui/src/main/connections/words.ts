// What the page says about a connection: pure, so that every sentence has a test.
import type { BridgeState, ConnectionTerms, ConnectionView, PairingView, Status } from "../../ipc";

/** A state in a word, and what it means for the owner. */
export interface Standing {
  word: string;
  /** How it looks: the colour and shape of the bridge. */
  tone: BridgeState;
  /** `null` where the word says it all. */
  meaning: string | null;
}

/** An access token that the owner made for a script, not a client that asked. */
export function isToken(connection: ConnectionView): boolean {
  return connection.client_kind === "script";
}

/** Whether its terms can still be changed. */
export function isEditable(connection: ConnectionView): boolean {
  return connection.state === "pending" || connection.state === "active";
}

/** Whether it can still be ended. */
export function isRevocable(connection: ConnectionView): boolean {
  return connection.state !== "ended";
}

export function standing(connection: ConnectionView): Standing {
  switch (connection.state) {
    case "pending":
      return {
        word: "Waiting for the client",
        tone: "opening",
        meaning: "You approved it. The client has not come back for its key yet.",
      };
    case "active":
      return { word: isToken(connection) ? "Valid" : "Connected", tone: "open", meaning: null };
    case "connect-again":
      return {
        word: "Connect again",
        tone: "opening",
        meaning:
          "The public address it was made for is gone, so it reaches nothing. Connect again in the client with the connector URL of now; then revoke this one.",
      };
    case "damaged":
      return {
        word: "Damaged",
        tone: "attention",
        meaning:
          "What was stored about it cannot be read. It lets nobody in, and can only be revoked.",
      };
    case "ended":
      return { word: "Ended", tone: "closed", meaning: endedWords(connection.end_reason) };
  }
}

/** Why a connection ended. A reason that this page does not know is shown as it came. */
export function endedWords(reason: string | null): string {
  switch (reason) {
    case null:
      return "It lets nobody in any more.";
    case "revoked-by-user":
      return "You revoked it.";
    case "revoked-by-client":
      return "The client signed out by itself.";
    case "code-reuse":
      return "Its sign-in code was used a second time, so somebody else may have had it. Drawbridge ended it to be safe.";
    case "refresh-token-reuse":
      return "An old key of it was used again, so somebody else may have a copy. Drawbridge ended it to be safe.";
    case "expired":
      return "Its time was over.";
    case "unused":
      return "Nobody used it for 30 days.";
    case "never-connected":
      return "The client never came back after you approved it.";
    default:
      return reason.replaceAll("-", " ");
  }
}

export function accessWords(access: ConnectionTerms["access"]): string {
  return access === "read" ? "Read" : "Read and write";
}

/** The browser went back to this computer, or to whatever program took a name like `cursor:`. */
const PROGRAM = /^((localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?|[^:]+:)$/;

/** Whether the browser went back to a program instead of to a website. */
export function isProgram(connection: ConnectionView): boolean {
  return connection.redirect_host !== null && PROGRAM.test(connection.redirect_host);
}

/** What a connection is called in questions and on buttons. Never the client's own name. */
export function calledWords(connection: ConnectionView): string {
  if (isToken(connection)) return "this access token";
  if (connection.redirect_host === null) return "this connection";
  return isProgram(connection) ? "this program" : connection.redirect_host;
}

/** Where a connection comes in. */
export function addressWords(connection: ConnectionView): string {
  return connection.origin === "loopback"
    ? "from this computer only"
    : `through ${hostOf(connection.origin)}`;
}

/** The host of an origin, with its port; what is no URL stays as it is. */
export function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : origin;
}

/** A host in parts: what somebody registered, and what that somebody put around it. */
export interface HostParts {
  before: string;
  registrable: string;
  /** The port, if it is unusual. */
  after: string;
}

/** Sets the registered part of a host apart; without one, all of it stands out. */
export function hostParts(host: string, registrable: string | null): HostParts {
  const [name = "", ...rest] = host.split(/(?=:\d+$)/);
  const after = rest.join("");
  return registrable !== null && (name === registrable || name.endsWith(`.${registrable}`))
    ? { before: name.slice(0, name.length - registrable.length), registrable, after }
    : { before: "", registrable: name, after };
}

/** What an edit takes away and what it adds. */
export interface Edit {
  added: string[];
  removed: string[];
  /** From reading to reading and writing. */
  raised: boolean;
  /** From reading and writing to reading. */
  lowered: boolean;
}

export function compare(before: ConnectionTerms, after: ConnectionTerms): Edit {
  return {
    added: after.servers.filter((name) => !before.servers.includes(name)),
    removed: before.servers.filter((name) => !after.servers.includes(name)),
    raised: before.access === "read" && after.access === "read-write",
    lowered: before.access === "read-write" && after.access === "read",
  };
}

/** Whether the owner is asked in the small window before it is done. */
export function widens(edit: Edit): boolean {
  return edit.added.length > 0 || edit.raised;
}

export function changesSomething(edit: Edit): boolean {
  return widens(edit) || edit.removed.length > 0 || edit.lowered;
}

/** What pressing Save will do. */
export function editWords(edit: Edit): string {
  if (widens(edit)) {
    return "This lets it do more. Drawbridge asks you in its small window before anything changes.";
  }
  return changesSomething(edit)
    ? "This takes something away. It holds from the next call on."
    : "Nothing is changed yet.";
}

/** What became of an edit that was not carried out, by the code of the error. */
export function notCarriedOut(code: string): string {
  switch (code) {
    case "refused":
      return "You said no, so nothing changed.";
    case "unavailable":
      return "Nobody answered in the small window, so nothing changed.";
    default:
      return "Nothing changed.";
  }
}

export function revokeAllWords(count: number): string {
  return count === 1 ? "Revoke the one connection?" : `Revoke all ${count} connections?`;
}

export function revokedWords(count: number): string {
  if (count === 0) return "There was nothing left to revoke.";
  return count === 1 ? "One connection revoked." : `${count} connections revoked.`;
}

/** A code in two groups of four, as it is read aloud and typed. */
export function groupCode(code: string): string {
  const letters = code.replaceAll(/[^0-9A-Za-z]/g, "");
  return letters.match(/.{1,4}/g)?.join("-") ?? "";
}

/** What became of a code, and what to do. */
export interface PairingWords {
  title: string;
  explanation: string;
  tone: BridgeState;
  /** Whether the code may still be typed. */
  works: boolean;
}

/** `asking`: whether a question waits for the owner now. */
export function pairingWords(state: PairingView["state"], asking: boolean): PairingWords {
  switch (state) {
    case "open":
      return {
        title: "Type this code on the other device",
        explanation:
          "Start connecting there, in ChatGPT or another client. Its browser opens a page that asks for this code.",
        tone: "opening",
        works: true,
      };
    case "used":
      return {
        title: "The code was typed",
        explanation: asking
          ? "Drawbridge asks you in its small window whether to let that device in. Nothing is open before you say so."
          : "It cannot be used again. What became of it stands in Connections and Activity.",
        tone: "open",
        works: false,
      };
    case "guessed":
      return {
        title: "Somebody guesses: the code no longer works",
        explanation:
          "Too many wrong codes came in, so Drawbridge ended this one. If that was you mistyping, make a new code; if not, wait a while first.",
        tone: "attention",
        works: false,
      };
    case "expired":
      return {
        title: "The code is too old",
        explanation:
          "A code works for ten minutes. Make a new one when you are at the other device.",
        tone: "closed",
        works: false,
      };
  }
}

/** Why another device would not find the page for the code now. */
export function pairingObstacle(status: Pick<Status, "state" | "public_url">): string | null {
  if (status.public_url === null) {
    return "There is no public address now, so another device does not find that page. Choose one in Settings, under Tunnel.";
  }
  return status.state === "open"
    ? null
    : "The bridge is not open, so another device does not find that page. Start it in Connect.";
}

export function wrongTriesWords(tries: number): string | null {
  if (tries === 0) return null;
  return tries === 1 ? "One wrong code came in so far." : `${tries} wrong codes came in so far.`;
}

/** Whole seconds until a moment; never below none. */
export function secondsLeft(until: string, now: number): number {
  return Math.max(0, Math.ceil((Date.parse(until) - now) / 1000));
}

/** A time that is left, for whoever hears it. */
export function spokenTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  const parts = [
    minutes > 0 ? `${minutes} ${minutes === 1 ? "minute" : "minutes"}` : "",
    rest > 0 || minutes === 0 ? `${rest} ${rest === 1 ? "second" : "seconds"}` : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** For how long a token may hold, the engine's words first. */
export const LIFETIMES = [
  { value: "1h", label: "One hour" },
  { value: "1d", label: "One day" },
  { value: "30d", label: "30 days" },
  { value: "never", label: "Until you revoke it, or 30 days unused" },
] as const;
