// What the page says about a thing that happened: pure, so that every sentence has a test.
import type { ActivityView, BridgeState } from "../../ipc";

/** A piece of a sentence: our words, or a stranger's, which are shown as such. */
export type Part = { say: string } | { quote: string } | { name: string };

/** What a thing was about, to filter by. */
export type Topic = "calls" | "connections" | "bridge" | "refused";

export const TOPICS: ReadonlyArray<{ value: Topic; label: string }> = [
  { value: "calls", label: "Calls" },
  { value: "connections", label: "Connections" },
  { value: "refused", label: "Turned away" },
  { value: "bridge", label: "Bridge and servers" },
];

type Kind = ActivityView["kind"];

const TOPIC_OF: Record<Kind, Topic> = {
  call: "calls",
  connection_asked: "connections",
  connection_approved: "connections",
  connection_denied: "connections",
  connection_withdrawn: "connections",
  connection_ended: "connections",
  client_registered: "connections",
  refused: "refused",
  pairing_guessed: "refused",
  bridge_opened: "bridge",
  bridge_closed: "bridge",
  server_failed: "bridge",
};

export function topicOf(view: ActivityView): Topic {
  return TOPIC_OF[view.kind];
}

const say = (words: string): Part => ({ say: words });

function who(view: ActivityView, otherwise: string): Part {
  return view.client === null ? say(otherwise) : { quote: view.client };
}

/** What happened, in plain words; strangers' words stay apart. */
export function sentence(view: ActivityView): Part[] {
  switch (view.kind) {
    case "call":
      return callSentence(view);
    case "connection_asked":
      return [who(view, "A client"), say("asks to connect")];
    case "connection_approved":
      return [say("You let"), who(view, "a client"), say("in")];
    case "connection_denied":
      return [say("You turned"), who(view, "a client"), say("away")];
    case "connection_withdrawn":
      return [say("The question of"), who(view, "a client"), say("ended without your answer")];
    case "connection_ended":
      return [say("The connection of"), who(view, "a client"), say("ended")];
    case "client_registered":
      return [who(view, "A client"), say("made itself known; it is not connected")];
    case "refused":
      return view.client === null
        ? [say("Somebody was turned away without asking you")]
        : [{ quote: view.client }, say("was turned away without asking you")];
    case "pairing_guessed":
      return [say("Somebody guessed at the code for another device; the code no longer works")];
    case "bridge_opened":
      return [say("The bridge opened: clients can reach it")];
    case "bridge_closed":
      return [say("The bridge closed: nothing can reach it")];
    case "server_failed":
      return view.server === null
        ? [say("A server stopped working")]
        : [say("The server"), { name: view.server }, say("stopped working")];
  }
}

function callSentence(view: ActivityView): Part[] {
  const parts: Part[] = [
    who(view, "A client"),
    say(view.outcome === null ? "called" : CALL_VERBS[view.outcome]),
  ];
  parts.push(view.tool === null ? say("a tool") : { name: view.tool });
  if (view.server !== null) parts.push(say("of"), { name: view.server });
  return parts;
}

type CallOutcome = NonNullable<ActivityView["outcome"]>;

/** A call that did not run is not told as one that ran. */
const CALL_VERBS: Record<CallOutcome, string> = {
  done: "used",
  failed: "used",
  refused: "wanted to use",
  asked: "wanted to use",
  timed_out: "used",
  unavailable: "wanted to use",
  cancelled: "began to use",
};

/** How an outcome looks: a word, a colour and a shape. */
export interface OutcomeWords {
  word: string;
  tone: BridgeState;
  /** Said on hover: what it means. */
  meaning: string;
}

const OUTCOMES: Record<CallOutcome, OutcomeWords> = {
  done: { word: "Done", tone: "open", meaning: "The tool did its work." },
  failed: { word: "Tool error", tone: "attention", meaning: "The tool answered with an error." },
  refused: {
    word: "Refused",
    tone: "closed",
    meaning: "A rule, or what you allowed the connection, forbids this tool.",
  },
  asked: {
    word: "Not run",
    tone: "opening",
    meaning: "This tool runs only with your word, so the call was held back.",
  },
  timed_out: {
    word: "Too slow",
    tone: "attention",
    meaning: "The server did not answer in time.",
  },
  unavailable: {
    word: "Not there",
    tone: "attention",
    meaning: "The server did not run, or ended meanwhile.",
  },
  cancelled: { word: "Cancelled", tone: "closed", meaning: "The client went away." },
};

export function outcomeWords(outcome: CallOutcome): OutcomeWords {
  return OUTCOMES[outcome];
}

/** A duration with its unit, never longer than five characters and the unit. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = milliseconds / 1000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/** A sentence as plain text, as a screen reader or a search takes it. */
export function plain(parts: readonly Part[]): string {
  return parts
    .map((part) => ("say" in part ? part.say : "quote" in part ? `“${part.quote}”` : part.name))
    .join(" ");
}
