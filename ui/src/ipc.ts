// The only door to the app. Every page takes what it needs of this as a property; nothing else
// imports @tauri-apps/api, so that the pages run against a fake in tests.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";

import type {
  ActivityView,
  ChecklistView,
  ConfirmationAnswer,
  ConnectionTerms,
  ConnectionView,
  Decided,
  Decision,
  KeyPlace,
  Moved,
  NewServerForm,
  NewToken,
  PairingShown,
  PairingView,
  QuestionView,
  Rotated,
  SecretsView,
  ServerView,
  SettingsChange,
  SettingsView,
  StaticClientInfo,
  Status,
  TokenShown,
  ToolView,
  UiError,
  UiErrorCode,
} from "./bindings";

export type * from "./bindings";

/** Where the bridge stands. */
export type BridgeState = Status["state"];

/** The views of the main window; also what the app may ask it to show. */
export type View = "connect" | "servers" | "connections" | "activity" | "settings";

/** A command's arguments and its answer. */
interface Command<Arguments, Answer> {
  arguments: Arguments;
  answer: Answer;
}
type Nothing = null;

/** What the main window may ask; every row can reject with {@link IpcError}. */
export interface MainCommands {
  /** Where the bridge stands; waits while Drawbridge starts. */
  status: Command<Nothing, Status>;
  /** Starts the engine again, after what kept it from starting was mended. */
  retry_start: Command<Nothing, void>;
  open_bridge: Command<Nothing, void>;
  close_bridge: Command<Nothing, void>;
  /** How far each kind of client has come. */
  checklist: Command<Nothing, ChecklistView>;
  /** At most 64 KiB. */
  copy_text: Command<{ text: string }, void>;

  static_client: Command<Nothing, StaticClientInfo | null>;
  /** Makes the client, or a new secret for it. */
  create_static_client: Command<Nothing, StaticClientInfo>;
  remove_static_client: Command<Nothing, void>;
  add_static_redirect: Command<{ uri: string }, StaticClientInfo>;
  remove_static_redirect: Command<{ uri: string }, StaticClientInfo>;
  /** The secret, because the owner asked to see it. Not to be kept. */
  reveal_static_client_secret: Command<Nothing, string>;
  /** The app puts it on the clipboard; it never passes this page. */
  copy_static_client_secret: Command<Nothing, void>;

  servers: Command<Nothing, ServerView[]>;
  /** Answers as soon as it is stored and starting. */
  add_server: Command<{ server: NewServerForm }, ServerView>;
  /** Also cancels its start. */
  remove_server: Command<{ name: string }, void>;
  enable_server: Command<{ name: string; enabled: boolean }, ServerView>;
  tools: Command<{ server: string }, ToolView[]>;
  /** The last lines it said. */
  server_log: Command<{ name: string }, string[]>;

  connections: Command<{ ended: boolean }, ConnectionView[]>;
  /** Narrows at once; to widen waits for the answer in the approval window. */
  edit_connection: Command<{ id: string; terms: ConnectionTerms }, ConnectionView>;
  revoke: Command<{ id: string }, void>;
  /** How many connections ended. */
  revoke_all: Command<Nothing, number>;
  create_token: Command<{ token: NewToken }, TokenShown>;
  /** A code for another device; the one before stops working. */
  pair: Command<Nothing, PairingShown>;
  pairing: Command<Nothing, PairingView | null>;
  end_pairing: Command<Nothing, void>;

  /** Newest first. */
  activity: Command<{ limit: number }, ActivityView[]>;

  settings: Command<Nothing, SettingsView>;
  /** Only the named fields change. */
  change_settings: Command<{ change: Partial<SettingsChange> }, SettingsView>;
  start_at_login: Command<Nothing, boolean>;
  set_start_at_login: Command<{ on: boolean }, void>;
  secrets: Command<Nothing, SecretsView>;
  rotate_secrets: Command<Nothing, Rotated>;
  move_key: Command<{ to: KeyPlace }, Moved>;
  /** Everything stored goes, then the app quits; `typed` must be the word `erase`. */
  erase_everything: Command<{ typed: string }, void>;
  open_data_folder: Command<Nothing, void>;

  /** Raises the approval window, if something waits. */
  show_question: Command<Nothing, void>;
  /** Lets new connections ask for a while; answers until when. */
  arm: Command<Nothing, string>;
  quit: Command<Nothing, void>;
  /** The view that was asked for before this page listened. */
  shown_view: Command<Nothing, View | null>;
}

/** What the approval window may ask. */
export interface ApprovalCommands {
  /** The question to answer now. */
  question: Command<Nothing, QuestionView | null>;
  decide: Command<{ decision: Decision }, Decided>;
  confirm: Command<{ answer: ConfirmationAnswer }, void>;
  /** The known tools of a server that the present question offers; starts nothing. */
  question_tools: Command<{ server: string }, ToolView[]>;
  /** Opens the main window on its servers; the question stays. */
  choose_servers: Command<Nothing, void>;
}

type Commands = MainCommands & ApprovalCommands;

/** Why the app did not do what a page asked: a closed set of codes, and words for a person. */
export class IpcError extends Error implements UiError {
  constructor(
    public readonly code: UiErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const CODES: ReadonlySet<string> = new Set<UiErrorCode>([
  "invalid",
  "not_found",
  "conflict",
  "refused",
  "unavailable",
  "failed",
]);

function isUiError(reason: unknown): reason is UiError {
  if (typeof reason !== "object" || reason === null) return false;
  const { code, message } = reason as Record<string, unknown>;
  return typeof code === "string" && CODES.has(code) && typeof message === "string";
}

/** What the app rejects with is data; what a lost app rejects with is not. */
function understood(reason: unknown): unknown {
  return isUiError(reason) ? new IpcError(reason.code, reason.message) : reason;
}

async function ask<Name extends keyof Commands>(
  command: Name,
  ...given: Commands[Name]["arguments"] extends Nothing ? [] : [Commands[Name]["arguments"]]
): Promise<Commands[Name]["answer"]> {
  try {
    return await invoke<Commands[Name]["answer"]>(command, { ...given[0] });
  } catch (reason) {
    throw understood(reason);
  }
}

/** Calls back whenever anything may have changed; answers with how to stop. */
function onChange(changed: () => void): Promise<() => void> {
  return listen("changed", () => changed());
}

/** The app, as the main window sees it. */
export const ipc = {
  onChange,
  /** Calls back when the app asks for one of the views. */
  onShowView: (show: (view: View) => void): Promise<() => void> =>
    listen<View>("show-view", ({ payload }) => show(payload)),
  shownView: () => ask("shown_view"),

  status: () => ask("status"),
  retryStart: () => ask("retry_start"),
  openBridge: () => ask("open_bridge"),
  closeBridge: () => ask("close_bridge"),
  checklist: () => ask("checklist"),
  copyText: (text: string) => ask("copy_text", { text }),

  staticClient: () => ask("static_client"),
  createStaticClient: () => ask("create_static_client"),
  removeStaticClient: () => ask("remove_static_client"),
  addStaticRedirect: (uri: string) => ask("add_static_redirect", { uri }),
  removeStaticRedirect: (uri: string) => ask("remove_static_redirect", { uri }),
  revealStaticClientSecret: () => ask("reveal_static_client_secret"),
  copyStaticClientSecret: () => ask("copy_static_client_secret"),

  servers: () => ask("servers"),
  addServer: (server: NewServerForm) => ask("add_server", { server }),
  removeServer: (name: string) => ask("remove_server", { name }),
  enableServer: (name: string, enabled: boolean) => ask("enable_server", { name, enabled }),
  tools: (server: string) => ask("tools", { server }),
  serverLog: (name: string) => ask("server_log", { name }),

  connections: (ended: boolean) => ask("connections", { ended }),
  editConnection: (id: string, terms: ConnectionTerms) => ask("edit_connection", { id, terms }),
  revoke: (id: string) => ask("revoke", { id }),
  revokeAll: () => ask("revoke_all"),
  createToken: (token: NewToken) => ask("create_token", { token }),
  pair: () => ask("pair"),
  pairing: () => ask("pairing"),
  endPairing: () => ask("end_pairing"),

  activity: (limit: number) => ask("activity", { limit }),

  settings: () => ask("settings"),
  changeSettings: (change: Partial<SettingsChange>) => ask("change_settings", { change }),
  startAtLogin: () => ask("start_at_login"),
  setStartAtLogin: (on: boolean) => ask("set_start_at_login", { on }),
  secrets: () => ask("secrets"),
  rotateSecrets: () => ask("rotate_secrets"),
  moveKey: (to: KeyPlace) => ask("move_key", { to }),
  eraseEverything: (typed: string) => ask("erase_everything", { typed }),
  openDataFolder: () => ask("open_data_folder"),

  showQuestion: () => ask("show_question"),
  arm: () => ask("arm"),
  quit: () => ask("quit"),
};
export type Ipc = typeof ipc;

/** The app, as the approval window sees it. */
export const approvalIpc = {
  onChange,
  question: () => ask("question"),
  decide: (decision: Decision) => ask("decide", { decision }),
  confirm: (answer: ConfirmationAnswer) => ask("confirm", { answer }),
  questionTools: (server: string) => ask("question_tools", { server }),
  chooseServers: () => ask("choose_servers"),
};
export type ApprovalIpc = typeof approvalIpc;
