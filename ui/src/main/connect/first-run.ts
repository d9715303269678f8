// What leads a newcomer: three steps, each ticked when it is done.
import type { ChecklistView, Progress, Status } from "../../ipc";

export interface FirstStep {
  id: "choose" | "start" | "copy";
  title: string;
  explanation: string;
  done: boolean;
}

function met(progress: Progress): boolean {
  return progress.registered_at !== null || progress.approved_at !== null;
}

/**
 * The steps that lead a newcomer, or `null` for somebody who knows the way: a client was here, or
 * all three are done.
 */
export function firstSteps(
  status: Pick<Status, "servers" | "state" | "connections">,
  checklist: ChecklistView | undefined,
  copied: boolean,
): FirstStep[] | null {
  if (status.connections > 0) return null;
  if (checklist && Object.values(checklist).some(met) && status.servers > 0) return null;
  const steps: FirstStep[] = [
    {
      id: "choose",
      title: "Choose what to let in",
      explanation: "Add the server whose tools you want to use from outside.",
      done: status.servers > 0,
    },
    {
      id: "start",
      title: "Start",
      explanation: "Lower the bridge, so that clients can ask to connect.",
      done: status.state === "open",
    },
    {
      id: "copy",
      title: "Copy the connector URL",
      explanation: "Paste it into your client. It asks, and you decide on this screen.",
      done: copied,
    },
  ];
  return steps.every(({ done }) => done) ? null : steps;
}

/** The first step that is not done: the one whose button is offered. */
export function nextStep(steps: FirstStep[]): FirstStep["id"] | undefined {
  return steps.find(({ done }) => !done)?.id;
}
