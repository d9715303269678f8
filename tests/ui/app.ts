// A fake of the app behind the pages, typed by the pages' own table of commands: what drifts from
// it does not compile.
import type { ApprovalCommands, MainCommands, UiError } from "../../ui/src/ipc";

type Answer<Row> = Row extends { arguments: infer Arguments; answer: infer Value }
  ? (given: Arguments) => Value | Promise<Value>
  : never;

/** An answer to every command of a window. */
export type Answers<Commands> = { [Name in keyof Commands]: Answer<Commands[Name]> };

export type MainApp = Answers<MainCommands>;
export type ApprovalApp = Answers<ApprovalCommands>;

/** Rejects as the app does. */
export function refuse(code: UiError["code"], message: string): never {
  throw { code, message } satisfies UiError;
}

/** What a page asked, in order. */
export interface Asked {
  command: string;
  given: Record<string, unknown>;
}

/** The answer as it goes to the page: JSON, like the app's. */
export type Told = { ok: unknown } | { error: unknown };

/** Answers one question of a page. */
export async function tell(
  app: MainApp | ApprovalApp,
  command: string,
  given: Record<string, unknown>,
): Promise<Told> {
  const answer = (app as unknown as Record<string, ((given: unknown) => unknown) | undefined>)[
    command
  ];
  if (answer === undefined) return { error: `Command ${command} not found` };
  try {
    return { ok: (await answer(Object.keys(given).length > 0 ? given : null)) ?? null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : error };
  }
}
