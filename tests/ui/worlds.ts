// What the fake app tells: a calm world to begin with, and what tests change about it.
import type {
  ApprovalView,
  ChoiceView,
  ConfirmationView,
  QuestionView,
  ToolView,
} from "../../ui/src/ipc";
import { refuse, type ApprovalApp } from "./app";

/** A moment so many seconds from now, as the app writes it. */
export function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

export const ago = (seconds: number): string => inSeconds(-seconds);

/** What strangers may call themselves. */
export const HOSTILE = {
  /** Turns the direction of what follows. */
  bidi: "ChatGPT\u202e\u2066moc.tpgtahc\u2069 (verified)",
  markup: "<img src=x onerror=alert(1)><b>ChatGPT</b> &amp; friends",
  long: "A client with a very long name ".repeat(40),
  word: "W".repeat(600),
  lines: "ChatGPT\n\n✓ verified by Drawbridge\n\nApprove",
  marks: `Z${"\u0301\u0327\u0340".repeat(40)}`,
  invisible: "Chat\u200b\u00ad\u2060GPT\u3164",
} as const;

/** A host of 60 characters, whose right end is the part that counts. */
export const LONG_HOST = "chatgpt.com.oauth-callback.login-session-8431.evil-host.dev";

export const READ_TOOLS = ["search", "fetch_page", "list_databases", "query_database"];
export const NOTION_TOOLS: ToolView[] = [
  ...READ_TOOLS.map((name): ToolView => ({
    name,
    title: null,
    kind: "reads",
    rule: "allow",
    rule_is_default: true,
  })),
  {
    name: "create_page",
    title: "Create a page",
    kind: "changes",
    rule: "allow",
    rule_is_default: true,
  },
  { name: "append_blocks", title: null, kind: "changes", rule: "allow", rule_is_default: true },
  {
    name: "trash_page",
    title: "Move a page to the trash",
    kind: "destroys",
    rule: "ask",
    rule_is_default: true,
  },
  { name: "run_script", title: null, kind: "unknown", rule: "ask", rule_is_default: true },
];

export const NOTION: ChoiceView = {
  name: "notion",
  title: "notion",
  tools: 8,
  changing: 4,
  asking: 2,
};
export const FILES: ChoiceView = {
  name: "files",
  title: "secure-filesystem-server",
  tools: 14,
  changing: 6,
  asking: 3,
};

export function approval(changes: Partial<ApprovalView> = {}): ApprovalView {
  const choices = changes.choices ?? [NOTION, FILES];
  return {
    id: "7Q2M",
    kind: "connection",
    client: "ChatGPT",
    redirect_host: "chatgpt.com",
    servers: choices.map(({ name }) => name),
    expires_at: inSeconds(271),
    shown: "a1".repeat(16),
    client_kind: "cimd",
    client_domain: "chatgpt.com",
    redirect_registrable: "chatgpt.com",
    redirect_known: true,
    redirect_loopback: false,
    pkce: true,
    scope: "mcp",
    address: "https://bridge.example.org",
    proof: "browser",
    from_address: null,
    from_country: null,
    choices,
    requested_at: ago(8),
    ...changes,
  };
}

export function connectionQuestion(changes: Partial<ApprovalView> = {}, waiting = 0): QuestionView {
  const view = approval(changes);
  return {
    id: view.id,
    shown: view.shown,
    waiting,
    expires_at: view.expires_at,
    content: { kind: "connection", approval: view },
  };
}

export function confirmationQuestion(
  changes: Partial<ConfirmationView> = {},
  waiting = 0,
): QuestionView {
  const view: ConfirmationView = {
    id: "C-1",
    shown: "c3".repeat(16),
    action: "add_server",
    title: "Add this server and start it?",
    asker: "A command in a terminal",
    details: [
      { label: "Name", value: "files" },
      { label: "Command", value: "npx -y @modelcontextprotocol/server-filesystem ~/Documents" },
      { label: "Variables", value: "API_TOKEN" },
    ],
    expires_at: inSeconds(48),
    ...changes,
  };
  return {
    id: view.id,
    shown: view.shown,
    waiting,
    expires_at: view.expires_at,
    content: { kind: "confirmation", confirmation: view },
  };
}

/** An app whose approval window shows this; what is answered becomes the next of the rest. */
export function approvalApp(...questions: (QuestionView | null)[]): ApprovalApp {
  let rest = questions;
  const answered = (id: string, shown: string) => {
    const now = rest[0];
    if (!now || now.id !== id) refuse("not_found", "No such question is waiting any more.");
    if (now.shown !== shown) refuse("conflict", "This is not what was shown: look again.");
    rest = rest.slice(1);
  };
  return {
    question: () => rest[0] ?? null,
    decide: ({ decision }) => {
      answered(decision.id, decision.shown);
      return {
        id: decision.id,
        approved: decision.terms !== null,
        servers: decision.terms?.servers ?? [],
      };
    },
    confirm: ({ answer }) => answered(answer.id, answer.shown),
    question_tools: ({ server }) => (server === "notion" ? NOTION_TOOLS : []),
    choose_servers: () => {},
  };
}
