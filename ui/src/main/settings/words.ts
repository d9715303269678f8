// What the settings say: pure, so that every sentence has a test.
import type { KeyPlace, PortsView, SettingsView } from "../../ipc";

/** Where the key lies, and what that means for whoever gets at this computer. */
export interface KeyWords {
  place: string;
  meaning: string;
  /** Where it can be moved from the window. The environment is set outside of Drawbridge. */
  moves: ReadonlyArray<{ to: "keychain" | "file"; label: string }>;
}

export function keyWords(place: KeyPlace): KeyWords {
  switch (place) {
    case "keychain":
      return {
        place: "In this computer’s keychain",
        meaning: "Nobody who copies the data folder can read what is in it.",
        moves: [{ to: "file", label: "Move to a file" }],
      };
    case "environment":
      return {
        place: "In TOKEN_ENCRYPTION_KEY",
        meaning: "Whoever started Drawbridge gave the key in the environment or in a .env file.",
        moves: [
          { to: "keychain", label: "Move to the keychain" },
          { to: "file", label: "Move to a file" },
        ],
      };
    case "file":
      return {
        place: "In a file beside the data",
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

/** What a secret is for, by the name it is kept under; a name of the owner's own stays as it is. */
export function secretWords(name: string): string | null {
  return name === "static-client" ? "The secret of the client typed in by hand" : null;
}

/** Whether a flag or the environment decides a field, so that it cannot be changed here. */
export function isFixed(settings: SettingsView, field: string): boolean {
  return settings.fixed.includes(field);
}

/** What the owner typed into the ports' form. */
export type PortsTyped = Record<keyof PortsView, string>;

export const PORTS: ReadonlyArray<{ name: keyof PortsView; label: string; meaning: string }> = [
  { name: "loopback", label: "Clients on this computer", meaning: "Where they find /mcp." },
  {
    name: "local",
    label: "Proof of this computer",
    meaning: "Where your browser shows that it is here.",
  },
  {
    name: "tunnel",
    label: "Your HTTPS front",
    meaning: "Where it forwards to. Used only with a front of your own.",
  },
];

/** Numbers, or what is wrong with the first field that is none. The engine judges the rest. */
export function readPorts(
  typed: PortsTyped,
): { ports: PortsView } | { field: keyof PortsView; problem: string } {
  const ports: PortsView = { loopback: 0, local: 0, tunnel: 0 };
  for (const { name } of PORTS) {
    const text = typed[name].trim();
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (port < 1 || port > 65_535) {
      return { field: name, problem: "A port is a whole number from 1 to 65535." };
    }
    ports[name] = port;
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
