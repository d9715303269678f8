// A name for a server, taken from the command that starts it.

/** Longest name, in characters; the gateway's own limit. */
export const MAX_NAME = 32;

/** Names with a meaning of their own. */
const RESERVED = new Set(["sse", "mcp"]);

/** Programs that start another one, which is the one to name. */
const RUNNERS = new Set([
  ...["npx", "bunx", "pnpx", "uvx", "pipx", "npm", "pnpm", "yarn", "bun", "deno", "node", "uv"],
  ...["python", "python3", "sh", "bash", "env", "docker", "podman", "sudo"],
]);

/** Words after a runner that are its own. */
const RUNNER_WORDS = new Set(["run", "exec", "dlx", "x", "tool", "start", "create"]);

/** Words that say only that it is an MCP server. */
const FILLER = new Set(["mcp", "server", "servers", "modelcontextprotocol"]);

/** The words of a command line, near enough for a suggestion; the engine splits the real one. */
function words(commandLine: string): string[] {
  const found = commandLine.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  return found.map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
}

function baseName(word: string): string {
  const withoutVersion = word.replace(/(.)@[^/@]*$/, "$1").replace(/:[^/\\]*$/, "");
  const last =
    withoutVersion
      .split(/[/\\]/)
      .filter((part) => part !== "")
      .at(-1) ?? "";
  return last.replace(/\.(exe|cmd|bat|js|mjs|cjs|ts|py|sh)$/i, "");
}

function isProgram(word: string): boolean {
  return !word.startsWith("-") && !/^\w+=/.test(word);
}

/** Small letters, digits, `_` and `-`, beginning with a letter or a digit. */
export function isName(name: string): boolean {
  return name.length <= MAX_NAME && /^[a-z0-9][a-z0-9_-]*$/.test(name) && !RESERVED.has(name);
}

function tidy(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const parts = plain.split("-").filter((part) => part !== "");
  const telling = parts.filter((part) => !FILLER.has(part));
  return (telling.length > 0 ? telling : parts).join("-").slice(0, MAX_NAME).replace(/-+$/, "");
}

function named(commandLine: string): string {
  const programs = words(commandLine).filter(isProgram);
  const telling = programs.find((word, at) => {
    const base = baseName(word).toLowerCase();
    return base !== "" && !RUNNERS.has(base) && (at === 0 || !RUNNER_WORDS.has(base));
  });
  return tidy(baseName(telling ?? programs[0] ?? ""));
}

/** A free name for what this command starts; empty while it tells nothing. */
export function suggestName(commandLine: string, taken: readonly string[]): string {
  const name = named(commandLine);
  if (name === "") return "";
  const free = (candidate: string) => isName(candidate) && !taken.includes(candidate);
  if (free(name)) return name;
  for (let number = 2; number <= taken.length + 2; number += 1) {
    const ending = `-${number}`;
    const candidate = name.slice(0, MAX_NAME - ending.length) + ending;
    if (free(candidate)) return candidate;
  }
  return "";
}
