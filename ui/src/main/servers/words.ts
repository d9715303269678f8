// What the window says about a server and its tools.
import type { ConnectionView, ServerView, ToolKind } from "../../ipc";

/** How a server stands, as a word and a tone; the tone picks colour and shape. */
export interface Standing {
  word: string;
  tone: "open" | "opening" | "closed" | "attention";
}

export function standing(server: Pick<ServerView, "enabled" | "health">): Standing {
  if (!server.enabled) return { word: "Off", tone: "closed" };
  switch (server.health) {
    case "running":
      return { word: "Running", tone: "open" };
    case "starting":
      return { word: "Starting…", tone: "opening" };
    case "failed":
      return { word: "Not working", tone: "attention" };
    case "idle":
      return { word: "Starts when used", tone: "closed" };
  }
}

export function toolWords(tools: number): string {
  return tools === 1 ? "1 tool" : `${tools} tools`;
}

/** What a tool does, as a word, and what that means. */
export const KINDS: Record<ToolKind, { word: string; meaning: string }> = {
  reads: { word: "reads", meaning: "It looks and changes nothing." },
  changes: { word: "changes", meaning: "It can add or change things." },
  destroys: { word: "destroys", meaning: "It can delete or overwrite things." },
  unknown: {
    word: "unknown",
    meaning: "The server does not say. It is treated as if it could destroy.",
  },
};

/** How many tools of each kind, as a sentence: `9 tools: 8 only read, 1 can destroy things`. */
export function kindsWords(kinds: readonly ToolKind[]): string {
  if (kinds.length === 0) return "";
  const verbs: Record<ToolKind, [one: string, many: string, all: string]> = {
    reads: ["only reads", "only read", "all only read"],
    changes: ["can change things", "can change things", "all can change things"],
    destroys: ["can destroy things", "can destroy things", "all can destroy things"],
    unknown: ["does not say what it does", "do not say what they do", "none says what it does"],
  };
  const order: ToolKind[] = ["reads", "changes", "destroys", "unknown"];
  const parts = order.flatMap((kind) => {
    const count = kinds.filter((each) => each === kind).length;
    const [one, many, all] = verbs[kind];
    if (count === 0) return [];
    if (kinds.length === 1) return `it ${one}`;
    if (count === kinds.length) return all;
    return `${count} ${count === 1 ? one : many}`;
  });
  return `${toolWords(kinds.length)}: ${parts.join(", ")}`;
}

/** The connections that may use a server, and so lose it when it goes. */
export function losers(connections: readonly ConnectionView[], server: string): ConnectionView[] {
  return connections.filter(({ servers, state }) => state !== "ended" && servers.includes(server));
}

const PACKAGE_RUNNERS = new Set([
  "npx",
  "bunx",
  "pnpx",
  "uvx",
  "pipx",
  "npm",
  "pnpm",
  "yarn",
  "uv",
]);
const CONTAINERS = new Set(["docker", "podman"]);

/** By what a server is started, for its picture. */
export function startedBy(command: string): "package" | "container" | "program" {
  const last = command.split(/[/\\]/).at(-1) ?? command;
  const program = last.toLowerCase().replace(/\.(exe|cmd|bat)$/, "");
  if (PACKAGE_RUNNERS.has(program)) return "package";
  return CONTAINERS.has(program) ? "container" : "program";
}
