import { describe, expect, it } from "vitest";

import { effectOf } from "./keys";

const key = (name: string, repeat = false) => ({ key: name, repeat });

describe("a key", () => {
  it.each(["Enter", " ", "Escape", "Tab", "a", "ArrowDown", "F5"])(
    "%j does nothing before the time is over",
    (name) => {
      expect(effectOf(key(name), false, false)).toBe("nothing");
      expect(effectOf(key(name), false, true)).toBe("nothing");
    },
  );

  it("Enter never approves, and Space does", () => {
    expect(effectOf(key("Enter"), true, true)).toBe("nothing");
    expect(effectOf(key("Enter"), true, false)).toBe("usual");
    expect(effectOf(key(" "), true, true)).toBe("usual");
  });

  it("Esc denies", () => {
    expect(effectOf(key("Escape"), true, false)).toBe("deny");
    expect(effectOf(key("Escape"), true, true)).toBe("deny");
  });

  it.each(["Enter", " ", "Escape"])("%j held down since before does nothing", (name) => {
    expect(effectOf(key(name, true), true, false)).toBe("nothing");
  });

  it("others do what they do everywhere", () => {
    expect(effectOf(key("Tab"), true, true)).toBe("usual");
    expect(effectOf(key("ArrowDown", true), true, false)).toBe("usual");
  });
});
