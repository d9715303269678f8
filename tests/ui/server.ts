// Serves the built pages on loopback, under the policy that the app gives them.
import { readFile } from "node:fs/promises";
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

export async function servePages(): Promise<Pages> {
  const csp = await policy();
  const server: Server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://pages");
    const type = TYPES[extname(pathname)];
    // Only what a build makes is there: a folder of pages and files.
    if (pathname === "/favicon.ico") {
      response.writeHead(204).end();
      return;
    }
    if (type === undefined || !/^\/[\w./-]+$/.test(pathname) || pathname.includes("..")) {
      response.writeHead(404).end();
      return;
    }
    try {
      const file = await readFile(new URL(`.${pathname}`, DIST));
      response.writeHead(200, { "content-type": type, "content-security-policy": csp }).end(file);
    } catch {
      response.writeHead(404).end();
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
