import { describe, expect, it } from "vitest";

import type { ChecklistView, Progress } from "../../ipc";
import { firstSteps, nextStep } from "./first-run";

const NOTHING: Progress = { registered_at: null, approved_at: null, first_call_at: null };
const NOBODY: ChecklistView = { chatgpt: NOTHING, claude: NOTHING, other: NOTHING };
const NEW = { servers: 0, state: "closed", connections: 0 } as const;

describe("the first steps", () => {
  it("begin with what to let in", () => {
    const steps = firstSteps(NEW, NOBODY, false) ?? [];
    expect(steps.map(({ id, done }) => [id, done])).toEqual([
      ["choose", false],
      ["start", false],
      ["copy", false],
    ]);
    expect(nextStep(steps)).toBe("choose");
  });

  it("tick in any order, and lead to the first that is left", () => {
    const open = firstSteps({ ...NEW, state: "open" }, NOBODY, true) ?? [];
    expect(open.map(({ done }) => done)).toEqual([false, true, true]);
    const chosen = firstSteps({ ...NEW, servers: 1 }, NOBODY, false) ?? [];
    expect(nextStep(chosen)).toBe("start");
  });

  it("go when all are done", () => {
    expect(firstSteps({ servers: 1, state: "open", connections: 0 }, NOBODY, true)).toBeNull();
  });

  it("go when a client was here", () => {
    expect(firstSteps({ ...NEW, connections: 1 }, NOBODY, false)).toBeNull();
    const claude = { ...NOTHING, registered_at: "2026-11-23T10:00:00Z" };
    const met = { ...NOBODY, claude };
    expect(firstSteps({ ...NEW, servers: 1 }, met, false)).toBeNull();
  });

  it("stay for a client that found nothing to use", () => {
    const claude = { ...NOTHING, registered_at: "2026-11-23T10:00:00Z" };
    expect(firstSteps(NEW, { ...NOBODY, claude }, false)).not.toBeNull();
  });
});
