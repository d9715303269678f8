// The form that adds a server: what was typed, what is wrong with it, what is sent.
import type { NewServerForm } from "../../ipc";
import { isName, suggestName } from "./suggest";

/** A variable's row. The key keeps a row's fields together when another row goes. */
export interface Row {
  key: number;
  name: string;
  value: string;
}

export interface Draft {
  commandLine: string;
  /** What was typed as the name; `null` takes the suggestion. */
  name: string | null;
  rows: Row[];
  directory: string;
}

export type Field = "commandLine" | "name" | "rows";

/** Servers to begin with: what they let in, the command, and what it takes. */
export interface Example {
  title: string;
  needs: string;
  commandLine: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    title: "A folder",
    needs: "Node.js",
    commandLine: "npx -y @modelcontextprotocol/server-filesystem ~/Documents",
  },
  {
    title: "A Git repository",
    needs: "uv",
    commandLine: "uvx mcp-server-git --repository ~/project",
  },
  { title: "Web pages", needs: "uv", commandLine: "uvx mcp-server-fetch" },
];

export function emptyDraft(): Draft {
  return { commandLine: "", name: null, rows: [], directory: "" };
}

/** The name it will have. */
export function nameOf(draft: Draft, taken: readonly string[]): string {
  return draft.name === null ? suggestName(draft.commandLine, taken) : draft.name.trim();
}

/** What keeps the draft from being sent, in words, by field. */
export function problems(draft: Draft, taken: readonly string[]): Partial<Record<Field, string>> {
  const found: Partial<Record<Field, string>> = {};
  if (draft.commandLine.trim() === "")
    found.commandLine = "Type the command that starts the server.";
  const name = nameOf(draft, taken);
  if (name === "") found.name = "Give it a name.";
  else if (!isName(name))
    found.name =
      "Use 1 to 32 small letters, digits, - or _, beginning with a letter or digit (not “sse” or “mcp”).";
  else if (taken.includes(name)) found.name = "There is a server with this name. Choose another.";
  const names = draft.rows.map((row) => row.name.trim());
  if (draft.rows.some((row) => row.name.trim() === "" && row.value !== ""))
    found.rows = "Each value needs the name of its variable.";
  else if (names.some((each) => each.includes("=")))
    found.rows = "A variable’s name has no “=”: its value goes into the second field.";
  else if (names.some((each, at) => each !== "" && names.indexOf(each) !== at))
    found.rows = "A variable can be set only once.";
  return found;
}

/** What is sent. */
export function toForm(draft: Draft, taken: readonly string[]): NewServerForm {
  const rows = draft.rows.filter((row) => row.name.trim() !== "");
  return {
    name: nameOf(draft, taken),
    command_line: draft.commandLine.trim(),
    env: rows.map(({ name, value }) => ({ name: name.trim(), value })),
    directory: draft.directory.trim() || null,
  };
}

/** The draft without its secrets: what may be kept to try again. */
export function withoutValues(draft: Draft, name: string): Draft {
  return { ...draft, name, rows: draft.rows.map((row) => ({ ...row, value: "" })) };
}
