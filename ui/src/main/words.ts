// What the main window says about each state: pure, so that every sentence has a test.
import type { KeyPlace, Status } from "../ipc";

/** The state in a word, and what it means for the person in front of the screen. */
export interface StateWords {
  title: string;
  explanation: string;
}

type Known = Pick<Status, "state" | "public_url" | "problem">;

export function stateWords(status: Known): StateWords {
  switch (status.state) {
    case "open":
      return status.public_url === null
        ? {
            title: "Open on this computer",
            explanation: "Programs on this computer can ask to connect. You approve each one.",
          }
        : {
            title: "Open",
            explanation: `Clients can ask to connect, from this computer and through ${hostOf(status.public_url)}. You approve each one.`,
          };
    case "opening":
      return { title: "Opening…", explanation: "The bridge is on its way down." };
    case "closed":
      return {
        title: "Closed",
        explanation: "Nothing can reach your tools. Connections stay approved for when you start.",
      };
    case "attention":
      return {
        title: "Needs attention",
        explanation:
          status.problem?.message ?? "Drawbridge runs, but something keeps it from opening.",
      };
  }
}

/** The host of an address, or the whole text where it is none. */
export function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}

export function keyPlaceWords(place: KeyPlace): string {
  switch (place) {
    case "keychain":
      return "in this computer’s keychain";
    case "environment":
      return "from TOKEN_ENCRYPTION_KEY";
    case "file":
      return "in a file beside the data";
  }
}

export function approvalWords(waiting: number): string {
  return waiting === 1 ? "1 approval waits for you" : `${waiting} approvals wait for you`;
}

/** Requests that were counted and not shown. */
export function missedWords(missed: number): string {
  const many = missed === 1 ? "1 request to connect was" : `${missed} requests to connect were`;
  return `${many} kept away since Drawbridge started: new ones were not let ask, or too many came at once. If one was yours, connect again in your client.`;
}
