// The only door to the app. Every window takes an `Ipc`; nothing else imports @tauri-apps/api,
// so that the pages run against a fake in tests.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";

/** Where the bridge stands; the words of `drawbridge status --json`. */
export type BridgeState = "open" | "opening" | "closed" | "attention";

/** Where the master key lies. */
export type KeyPlace = "keychain" | "environment" | "file";

/** What `drawbridge status --json` tells, as far as this window shows it. */
export interface Status {
  state: BridgeState;
  version: string;
  /** What is pasted into a client. */
  connector_url: string;
  /** The public origin; `null` while there is none. */
  public_url: string | null;
  key_place: KeyPlace;
  /** What the owner should know about the key's place. */
  warning: string | null;
  pending_approvals: number;
}

/** Why the app did not do what a page asked: a closed set of codes, and words for a person. */
export class IpcError extends Error {
  constructor(
    public readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** What the app rejects with is data; what a lost app rejects with is not. */
function understood(reason: unknown): unknown {
  if (typeof reason !== "object" || reason === null) return reason;
  const { code, message } = reason as Record<string, unknown>;
  return typeof code === "string" && typeof message === "string"
    ? new IpcError(code, message)
    : reason;
}

async function ask<Answer>(command: string): Promise<Answer> {
  try {
    return await invoke<Answer>(command);
  } catch (reason) {
    throw understood(reason);
  }
}

/** Everything a page may ask of the app. */
export interface Ipc {
  /** Reads the state as it is now; waits while Drawbridge starts. Rejects with {@link IpcError}. */
  status(): Promise<Status>;
  /** Calls back whenever the state may have changed; answers with how to stop. */
  onChange(changed: () => void): Promise<() => void>;
}

/** The app this page runs in. */
export const ipc: Ipc = {
  status: () => ask<Status>("status"),
  onChange: (changed) => listen("status-changed", () => changed()),
};
