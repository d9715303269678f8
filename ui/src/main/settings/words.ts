// What the settings say: pure, so that every sentence has a test.
import type { KeyPlace, PortsView, SettingsChange, SettingsView } from "../../ipc";

/** Stores a change and shows what it made of the settings. */
export type Change = (wanted: Partial<SettingsChange>) => Promise<void>;

/** What starting means on a desktop with a place for the tray icon, and on one without. */
export function startWords(tray: boolean): { login: string; window: string } {
  return tray
    ? {
        login: "Drawbridge waits in the tray as soon as you are logged in.",
        window: "Without it, Drawbridge starts in the tray.",
      }
    : {
        login: "Drawbridge starts as soon as you are logged in.",
        window: "Without it, start Drawbridge once more to see it: this desktop has no tray.",
      };
}

/** Where the key lies, and what that means for whoever gets at this computer. */
export interface KeyWords {
  /** To stand after “The key is”. */
  where: string;
  /** In one line. */
  about: string;
  meaning: string;
  /** Where it can be moved from the window. The environment is set outside of Drawbridge. */
  moves: ReadonlyArray<{ to: "keychain" | "file"; label: string }>;
}

export function keyWords(place: KeyPlace): KeyWords {
  switch (place) {
    case "keychain":
      return {
        where: "in this computer’s keychain",
        about: "In this computer’s keychain",
        meaning: "Nobody who copies the data folder can read what is in it.",
        moves: [{ to: "file", label: "Move to a file" }],
      };
    case "environment":
      return {
        where: "in TOKEN_ENCRYPTION_KEY",
        about: "From TOKEN_ENCRYPTION_KEY, outside of Drawbridge",
        meaning: "Whoever started Drawbridge gave the key in the environment or in a .env file.",
        moves: [
          { to: "keychain", label: "Move to the keychain" },
          { to: "file", label: "Move to a file" },
        ],
      };
    case "file":
      return {
        where: "in a file beside the data",
        about: "In a file beside the data",
        meaning: "Only your account can read the file, but a copy of the folder has the key in it.",
        moves: [{ to: "keychain", label: "Move to the keychain" }],
      };
  }
}

export function rotatedWords(resealed: number): string {
  if (resealed === 0) return "A new key is in use. There was nothing to seal anew.";
  return resealed === 1
    ? "A new key is in use. One value was sealed anew."
    : `A new key is in use. ${resealed} values were sealed anew.`;
}

export function keptWords(count: number): string {
  return count === 1 ? "One secret is kept" : `${count} secrets are kept`;
}

/** What a secret is for, by the name it is kept under; a name of the owner's own stays as it is. */
export function secretWords(name: string): string | null {
  return name === "static-client" ? "The secret of the client typed in by hand" : null;
}

/** The fields that a flag or the environment may decide, as the engine names them. */
export type FixedField =
  | "ports.loopback"
  | "ports.local"
  | "ports.tunnel"
  | "tunnel"
  | "public_url"
  | "known_clients_only";

/** Whether a flag or the environment decides a field, so that it cannot be changed here. */
export function isFixed(settings: SettingsView, field: FixedField): boolean {
  return settings.fixed.includes(field);
}

export const FIXED =
  "Decided by the command line or the environment Drawbridge was started with, so it cannot be changed here.";

export const FIXED_PORTS =
  "What is grey is decided by the command line or the environment Drawbridge was started with.";

/** What the owner typed into the ports' form. */
export type PortsTyped = Record<keyof PortsView, string>;

type Port = keyof PortsView;

/** The ports there are. Their numbers mean something to the owner's other programs only. */
export const PORTS: readonly { name: Port; field: FixedField; label: string; hint: string }[] = [
  {
    name: "loopback",
    field: "ports.loopback",
    label: "Port for clients",
    hint: "Those on this computer connect there.",
  },
  {
    name: "local",
    field: "ports.local",
    label: "Port for your browser",
    hint: "It shows there that it is on this computer.",
  },
  {
    name: "tunnel",
    field: "ports.tunnel",
    label: "Port for your HTTPS front",
    hint: "It forwards there, if you have one.",
  },
];

/** Numbers, or the first field that holds none. The engine judges the rest. */
export function readPorts(
  typed: PortsTyped,
): { ports: PortsView } | { field: Port; problem: string } {
  const ports: PortsView = { loopback: 0, local: 0, tunnel: 0 };
  for (const { name } of PORTS) {
    const text = typed[name].trim();
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
      const problem = "A port is a whole number up to 65535; 0 takes a free one.";
      return { field: name, problem };
    }
    ports[name] = Number(text);
  }
  return { ports };
}

export function samePorts(one: PortsView, other: PortsView): boolean {
  return PORTS.every(({ name }) => one[name] === other[name]);
}

/** The word that erases everything. */
export const ERASE = "erase";

/** What goes when everything is erased. */
export const ERASED = [
  "every connection and access token: each client loses access at once",
  "your servers, with the settings and secrets you gave them",
  "the client typed in by hand, and its secret",
  "the history in Activity",
  "the key, also the one in the keychain",
  "all settings",
] as const;

export const LICENCE =
  "Free software under the MIT licence or the Apache licence 2.0, whichever you choose. It comes without any warranty.";
