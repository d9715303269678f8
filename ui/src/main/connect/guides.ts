// What to do in each client, in the words its own pages use.
import type { Progress, Status } from "../../ipc";

export type ClientTab = "chatgpt" | "claude" | "other";

/** A value to be copied into a client's form; `null` while there is none to give. */
export interface GuideValue {
  /** What the client calls the field. */
  label: string;
  value: string | null;
  /** Spans several lines and is shown as it is. */
  block?: boolean;
}

export interface GuideVariant {
  client: string;
  value: GuideValue;
}

export interface GuideStep {
  title: string;
  /** What to do. */
  text: string;
  values: GuideValue[];
  /** The same for several clients, of which one is chosen. */
  variants: GuideVariant[];
  /** What to do once the values are in their places. */
  after: string | null;
  /** Whether we saw that it happened, or something that comes after it. */
  done: boolean;
  /** When, if it is one of those that we see. */
  at: string | null;
  /** What is said with the time once it is done, or while it is awaited. */
  seen: string | null;
  awaited: string | null;
}

/** The name offered for the connector in a client's form. */
export const CONNECTOR_NAME = "Drawbridge";

/** Where programs on this computer reach the tools. */
export function loopbackUrl(status: Pick<Status, "local_url">): string {
  return `${status.local_url}/mcp`;
}

/** The connector URL for clients elsewhere; `null` while nothing outside can reach it. */
export function publicUrl(status: Pick<Status, "public_url" | "connector_url">): string | null {
  return status.public_url === null ? null : status.connector_url;
}

/** What Cursor and most others read: `mcp.json`. */
export function cursorSnippet(url: string): string {
  return JSON.stringify({ mcpServers: { drawbridge: { url } } }, null, 2);
}

/** What VS Code reads: `.vscode/mcp.json`. */
export function codeSnippet(url: string): string {
  return JSON.stringify({ servers: { drawbridge: { type: "http", url } } }, null, 2);
}

/** Claude Code takes a server by a command. */
export function claudeCodeCommand(url: string): string {
  return `claude mcp add --transport http drawbridge ${url}`;
}

function block(label: string, value: string): GuideValue {
  return { label, value, block: true };
}

type Address = Pick<Status, "local_url" | "public_url" | "connector_url">;

const PLAIN = { values: [], variants: [], after: null, at: null, seen: null, awaited: null };

function approve(name: string, progress: Progress): GuideStep {
  return {
    ...PLAIN,
    title: "Approve it here",
    text: `${name} opens a page in your browser. Press Continue on this computer, then look at the window that rises and decide.`,
    done: progress.approved_at !== null || progress.first_call_at !== null,
    at: progress.approved_at,
    seen: "Approved",
    awaited: "Waits for your approval",
  };
}

function firstCall(text: string, progress: Progress): GuideStep {
  return {
    ...PLAIN,
    title: "Use a tool",
    text,
    done: progress.first_call_at !== null,
    at: progress.first_call_at,
    seen: "First tool call",
    awaited: "Waits for the first tool call",
  };
}

/** Registered, or something that can only come after it. */
function hasRegistered(progress: Progress): boolean {
  return Object.values(progress).some((at) => at !== null);
}

function chatgpt(address: Address, progress: Progress): GuideStep[] {
  const registered = hasRegistered(progress);
  return [
    {
      ...PLAIN,
      title: "Turn on developer mode",
      text: "On chatgpt.com: Settings → Apps → Advanced settings → Developer mode. It comes with Plus, Pro, Business, Enterprise and Edu; a workspace’s owner may have to allow it.",
      done: registered,
    },
    {
      ...PLAIN,
      title: "Create the app",
      text: "Press Create app and fill in its form. A description is not needed.",
      values: [
        { label: "Name", value: CONNECTOR_NAME },
        { label: "MCP Server URL", value: publicUrl(address) },
        { label: "Authentication", value: "OAuth" },
      ],
      after: "Tick that you understand the warning, and press Create.",
      done: registered,
      at: progress.registered_at,
      seen: "Registered",
      awaited: "Waits for ChatGPT to register",
    },
    approve("ChatGPT", progress),
    firstCall(
      "In a new chat press +, choose the app, and ask for something its tools can do.",
      progress,
    ),
  ];
}

function claude(address: Address, progress: Progress): GuideStep[] {
  const registered = hasRegistered(progress);
  return [
    {
      ...PLAIN,
      title: "Open Claude’s connectors",
      text: "On claude.ai or in Claude Desktop: Customize → Connectors (in some versions Settings → Connectors), then + and Add custom connector.",
      done: registered,
    },
    {
      ...PLAIN,
      title: "Add the connector",
      text: "Fill in these two, and leave the OAuth fields under Advanced settings empty.",
      values: [
        { label: "Name", value: CONNECTOR_NAME },
        { label: "Remote MCP server URL", value: publicUrl(address) },
      ],
      after: "Press Add, then Connect.",
      done: registered,
      at: progress.registered_at,
      seen: "Registered",
      awaited: "Waits for Claude to register",
    },
    approve("Claude", progress),
    firstCall("In a new chat, ask for something its tools can do.", progress),
  ];
}

function other(address: Address, progress: Progress): GuideStep[] {
  const url = loopbackUrl(address);
  const registered = hasRegistered(progress);
  return [
    {
      ...PLAIN,
      title: "Tell your client where Drawbridge is",
      text: "Programs on this computer come in directly. Take what your client reads; if its file has entries already, add this one to them.",
      variants: [
        { client: "Cursor", value: block(".cursor/mcp.json", cursorSnippet(url)) },
        { client: "VS Code", value: block(".vscode/mcp.json", codeSnippet(url)) },
        { client: "Claude Code", value: block("In a terminal", claudeCodeCommand(url)) },
        { client: "Another", value: { label: "MCP server URL", value: url } },
      ],
      done: registered,
    },
    {
      ...PLAIN,
      title: "Let it sign in",
      text: "The client finds the rest by itself. Where it shows Connect or Sign in, press it.",
      done: registered,
      at: progress.registered_at,
      seen: "Registered",
      awaited: "Waits for a client to register",
    },
    approve("The client", progress),
    firstCall("Ask the client for something your tools can do.", progress),
  ];
}

/** The steps for one client, ticked as far as we saw them happen. */
export function guide(tab: ClientTab, address: Address, progress: Progress): GuideStep[] {
  switch (tab) {
    case "chatgpt":
      return chatgpt(address, progress);
    case "claude":
      return claude(address, progress);
    case "other":
      return other(address, progress);
  }
}

/** Where the next thing is to be done: the first step that is not. */
export function currentStep(steps: GuideStep[]): number {
  return steps.findIndex(({ done }) => !done);
}
