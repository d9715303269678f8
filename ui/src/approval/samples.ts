// Questions for the tests of this window.
import type { ApprovalView, ChoiceView, ConfirmationView, QuestionView, ToolView } from "../ipc";

export const NOTION: ChoiceView = {
  name: "notion",
  title: "notion",
  tools: 20,
  changing: 6,
  asking: 2,
};
export const FILES: ChoiceView = {
  name: "files",
  title: "Files",
  tools: 4,
  changing: 0,
  asking: 0,
};

export function approval(changes: Partial<ApprovalView> = {}): ApprovalView {
  const choices = changes.choices ?? [NOTION, FILES];
  return {
    id: "A-1",
    kind: "connection",
    client: "ChatGPT",
    redirect_host: "chatgpt.com",
    servers: choices.map(({ name }) => name),
    expires_at: new Date(Date.now() + 271_000).toISOString(),
    shown: "hash-1",
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
    requested_at: new Date(Date.now() - 5_000).toISOString(),
    ...changes,
  };
}

export function asks(changes: Partial<ApprovalView> = {}, waiting = 0): QuestionView {
  const view = approval(changes);
  return {
    id: view.id,
    shown: view.shown,
    waiting,
    expires_at: view.expires_at,
    content: { kind: "connection", approval: view },
  };
}

export function confirms(changes: Partial<ConfirmationView> = {}, waiting = 0): QuestionView {
  const view: ConfirmationView = {
    id: "C-1",
    shown: "hash-c",
    action: "add_server",
    title: "Add this server and start it?",
    asker: "A command in a terminal",
    details: [{ label: "Command", value: "npx -y notion-mcp" }],
    expires_at: new Date(Date.now() + 60_000).toISOString(),
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

export function tool(name: string, changes: Partial<ToolView> = {}): ToolView {
  return { name, title: null, kind: "reads", rule: "allow", rule_is_default: true, ...changes };
}
