// Why something did not work, as a page shows it.
import { IpcError, type UiErrorCode } from "../ipc";

/** What went wrong: `lost` when the app itself did not answer. */
export interface Problem {
  code: UiErrorCode | "lost";
  message: string;
}

const LOST: Problem = {
  code: "lost",
  message:
    "The app behind this window does not answer. Your connections go on as they were. Try again, or quit Drawbridge and start it anew.",
};

/** Anything that was thrown, in words for a person. */
export function problemOf(reason: unknown): Problem {
  return reason instanceof IpcError ? { code: reason.code, message: reason.message } : LOST;
}
