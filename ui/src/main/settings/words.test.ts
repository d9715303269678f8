import { describe, expect, it } from "vitest";

import type { SettingsView } from "../../ipc";
import {
  isFixed,
  keyWords,
  readPorts,
  rotatedWords,
  samePorts,
  secretWords,
  startWords,
} from "./words";

describe("the key's place", () => {
  it("is told in words, with where it can go", () => {
    expect(keyWords("keychain").moves.map(({ to }) => to)).toEqual(["file"]);
    expect(keyWords("file").moves.map(({ to }) => to)).toEqual(["keychain"]);
    expect(keyWords("environment").where).toContain("TOKEN_ENCRYPTION_KEY");
    expect(keyWords("environment").moves.map(({ to }) => to)).toEqual(["keychain", "file"]);
  });
});

describe("starting", () => {
  it("does not promise a tray where there is none", () => {
    expect(Object.values(startWords(true)).join()).toContain("in the tray");
    expect(startWords(false).login).not.toContain("tray");
    expect(startWords(false).window).toContain("no tray");
  });
});

describe("secrets", () => {
  it("says how many were sealed anew", () => {
    expect([0, 1, 12].map(rotatedWords)).toEqual([
      "A new key is in use. There was nothing to seal anew.",
      "A new key is in use. One value was sealed anew.",
      "A new key is in use. 12 values were sealed anew.",
    ]);
  });

  it("explains the one it made itself", () => {
    expect(secretWords("static-client")).toContain("typed in by hand");
    expect(secretWords("notion")).toBeNull();
  });
});

describe("the ports", () => {
  const typed = { loopback: "8787", local: " 8788 ", tunnel: "8789" };

  it("are read as numbers", () => {
    expect(readPorts(typed)).toEqual({ ports: { loopback: 8787, local: 8788, tunnel: 8789 } });
  });

  it.each(["", "65536", "80a", "-1", "1e3", "8787.5", "123456"])("%j is no port", (text) => {
    expect(readPorts({ ...typed, local: text })).toEqual({
      field: "local",
      problem: "A port is a whole number up to 65535; 0 takes a free one.",
    });
  });

  it("may be any free one", () => {
    expect(readPorts({ ...typed, tunnel: "0" })).toMatchObject({ ports: { tunnel: 0 } });
  });

  it("are compared one by one", () => {
    const ports = { loopback: 1, local: 2, tunnel: 3 };
    expect(samePorts(ports, { ...ports })).toBe(true);
    expect(samePorts(ports, { ...ports, tunnel: 4 })).toBe(false);
  });
});

describe("a field", () => {
  it("is fixed when a flag or the environment decides it", () => {
    const settings = { fixed: ["public_url"] } as unknown as SettingsView;
    expect(isFixed(settings, "public_url")).toBe(true);
    expect(isFixed(settings, "tunnel")).toBe(false);
  });
});
