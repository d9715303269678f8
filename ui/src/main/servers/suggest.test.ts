import { describe, expect, it } from "vitest";

import { isName, MAX_NAME, suggestName } from "./suggest";

describe("a suggested name", () => {
  it.each([
    ["npx -y @modelcontextprotocol/server-filesystem ~/Documents", "filesystem"],
    ["npx -y @notionhq/notion-mcp-server@1.2.3", "notion"],
    ["uvx mcp-server-git --repository .", "git"],
    ["uvx mcp-server-time@2026.1", "time"],
    ["docker run -i --rm mcp/fetch:latest", "fetch"],
    ["node /opt/things/weather-server.js", "weather"],
    ["/usr/local/bin/My_Tool --flag", "my-tool"],
    ['"C:\\Program Files\\Acme\\acme.exe" serve', "acme"],
    ["TOKEN=abc python3 -m mcp_server_sqlite", "sqlite"],
    ["mcp-server", "mcp-server"],
    ["npx", "npx"],
  ])("of %s is %s", (command, name) => {
    expect(suggestName(command, [])).toBe(name);
    expect(isName(name)).toBe(true);
  });

  it.each(["", "   ", "-y --flag", "***"])("of “%s” is none", (command) => {
    expect(suggestName(command, [])).toBe("");
  });

  it("is never one that is taken or reserved", () => {
    expect(suggestName("uvx mcp-server-git", ["git", "git-2"])).toBe("git-3");
    expect(suggestName("npx mcp", [])).toBe("mcp-2");
  });

  it("is never too long", () => {
    const long = "a".repeat(60);
    const name = suggestName(long, [long.slice(0, MAX_NAME)]);
    expect(name).toHaveLength(MAX_NAME);
    expect(name.endsWith("-2")).toBe(true);
  });
});
