// The views of the main window, in the order of the rail.
import type { Ipc, Status, View } from "../ipc";

/** What every view is given. */
export interface ViewProps {
  ipc: Ipc;
  status: Status;
  /** Moves the window to another view. */
  show(view: View): void;
}

export const VIEWS: readonly { id: View; word: string }[] = [
  { id: "connect", word: "Connect" },
  { id: "servers", word: "Servers" },
  { id: "connections", word: "Connections" },
  { id: "activity", word: "Activity" },
  { id: "settings", word: "Settings" },
];

/** A number beside an item of the rail, and what it counts. */
export interface Badge {
  count: number;
  meaning: string;
}

/** What the rail counts; nothing is not counted. */
export function badges(status: Status): Partial<Record<View, Badge>> {
  const counted = (count: number, one: string, many: string): Badge | undefined =>
    count === 0 ? undefined : { count, meaning: `${count} ${count === 1 ? one : many}` };
  const servers = counted(status.servers, "server", "servers");
  const connections = counted(status.connections, "connection", "connections");
  return { ...(servers && { servers }), ...(connections && { connections }) };
}
