// What the window says about each state: pure, so that every sentence has a test.
import type { BridgeState, KeyPlace, Status } from "../ipc";

/** The state in a word, and what it means for the person in front of the screen. */
export interface StateWords {
  title: string;
  explanation: string;
}

export function stateWords(status: Status): StateWords {
  switch (status.state) {
    case "open":
      return status.public_url === null
        ? {
            title: "Open on this computer",
            explanation:
              "Programs on this computer can ask to connect. Nothing reaches you from the internet.",
          }
        : {
            title: "Open",
            explanation: "Clients can ask to connect. Each one needs your approval first.",
          };
    case "opening":
      return { title: "Opening…", explanation: "The bridge is on its way down." };
    case "closed":
      return { title: "Closed", explanation: "Nothing can reach your tools." };
    case "attention":
      return {
        title: "Needs attention",
        explanation:
          "Drawbridge runs, but something keeps it from doing its work. “drawbridge status” in a terminal says what.",
      };
  }
}

/** The name of a state for a screen reader, where only its mark is seen. */
export const MARK_NAMES: Record<BridgeState, string> = {
  open: "bridge down",
  opening: "bridge half down",
  closed: "bridge up",
  attention: "needs attention",
};

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
  return waiting === 1 ? "One approval waits for you" : `${waiting} approvals wait for you`;
}
