// Serves the built pages on loopback, under the policy that the app gives them.
import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { extname } from "node:path";

import { CONFIGURATION, DIST } from "./places";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
};

export interface Pages {
  /** Without a slash at its end. */
  origin: string;
  close(): Promise<void>;
}

/** The policy of tauri.conf.json, as a header. */
async function policy(): Promise<string> {
  const { app } = JSON.parse(await readFile(CONFIGURATION, "utf8")) as {
    app: { security: { csp: Record<string, string> } };
  };
  return Object.entries(app.security.csp)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join("; ");
}

/** All files of the build, by their path: a build that runs meanwhile changes nothing. */
async function built(): Promise<Map<string, Buffer>> {
  const names = await readdir(DIST, { recursive: true });
  const files = names.filter((name) => extname(name) in TYPES);
  return new Map(
    await Promise.all(
      files.map(
        async (name) =>
          [`/${name.replaceAll("\\", "/")}`, await readFile(new URL(name, DIST))] as const,
      ),
    ),
  );
}

export async function servePages(): Promise<Pages> {
  const csp = await policy();
  const files = await built();
  const server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://pages");
    const file = files.get(pathname);
    if (file) {
      const type = TYPES[extname(pathname)] ?? "";
      response.writeHead(200, { "content-type": type, "content-security-policy": csp }).end(file);
    } else {
      // A browser asks for an icon by itself; the app's has none.
      response.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
