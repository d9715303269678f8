import { describe, expect, it } from "vitest";

import { emptyDraft, EXAMPLES, nameOf, problems, toForm, withoutValues, type Draft } from "./form";

const draft = (given: Partial<Draft>): Draft => ({ ...emptyDraft(), ...given });
const row = (name: string, value: string, key = 0) => ({ key, name, value });

describe("the form of a new server", () => {
  it("takes the suggested name until one is typed", () => {
    const commandLine = "uvx mcp-server-git";
    expect(nameOf(draft({ commandLine }), [])).toBe("git");
    expect(nameOf(draft({ commandLine, name: " docs " }), [])).toBe("docs");
    expect(problems(draft({ commandLine, name: "" }), []).name).toBe("Give it a name.");
  });

  it.each(EXAMPLES)("finds nothing wrong with $title", ({ commandLine }) => {
    expect(problems(draft({ commandLine }), [])).toEqual({});
  });

  it("says what is missing", () => {
    expect(problems(emptyDraft(), [])).toEqual({
      commandLine: "Type the command that starts the server.",
      name: "Give it a name.",
    });
  });

  it("refuses names that cannot be or are taken", () => {
    const found = (name: string) => problems(draft({ commandLine: "x", name }), ["notes"]).name;
    expect(found("Notes")).toContain("small letters");
    expect(found("sse")).toContain("sse");
    expect(found("notes")).toContain("There is a server with this name");
    expect(found("notes-2")).toBeUndefined();
  });

  it.each([
    [[row("", "secret")], "Each value needs the name of its variable."],
    [[row("A=b", "")], "A variable’s name has no “=”: its value goes into the second field."],
    [[row("A", "1"), row("A", "2", 1)], "A variable can be set only once."],
  ])("checks variables", (rows, words) => {
    expect(problems(draft({ commandLine: "x", rows }), []).rows).toBe(words);
  });

  it("leaves out empty rows, and keeps values as they were typed", () => {
    const rows = [row(" TOKEN ", " with spaces "), row("", "", 1)];
    const typed = draft({ commandLine: " x y ", rows, directory: " " });
    expect(toForm(typed, [])).toEqual({
      name: "x",
      command_line: "x y",
      env: [{ name: "TOKEN", value: " with spaces " }],
      directory: null,
    });
  });

  it("keeps no value to try again", () => {
    const kept = withoutValues(draft({ commandLine: "x", rows: [row("TOKEN", "secret")] }), "x");
    expect(JSON.stringify(kept)).not.toContain("secret");
    expect(kept.rows).toEqual([row("TOKEN", "")]);
    expect(kept.name).toBe("x");
  });
});
