// What a connection may do when it is let in, before and after the person chose.
import type { AccessLevel, ChoiceView, GrantLifetime, TermsChoice } from "../ipc";

export interface Terms {
  servers: string[];
  access: AccessLevel;
  lifetime: GrantLifetime;
}

/**
 * Where the choice begins: read only; one server is meant, of several none is, because whoever asks
 * does not say which it needs, and only the person knows.
 */
export function firstTerms(choices: readonly ChoiceView[]): Terms {
  return {
    servers: choices.length === 1 ? choices.map(({ name }) => name) : [],
    access: "read",
    lifetime: "never",
  };
}

/** What is sent: in the order it was offered, and nothing that was not offered. */
export function chosenTerms(terms: Terms, choices: readonly ChoiceView[]): TermsChoice {
  return {
    servers: choices.map(({ name }) => name).filter((name) => terms.servers.includes(name)),
    access: terms.access,
    lifetime: terms.lifetime,
  };
}
