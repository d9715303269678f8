// Before all tests: the pages are built, and the folder for what they leave is empty.
import { existsSync, mkdirSync, rmSync } from "node:fs";

import { ARTIFACTS, DIST } from "./places";

export default function setup(): void {
  for (const page of ["main.html", "approval.html"]) {
    if (!existsSync(new URL(page, DIST))) {
      throw new Error(`ui/dist/${page} is missing: run “npm --prefix ui run build” first`);
    }
  }
  rmSync(ARTIFACTS, { recursive: true, force: true });
  mkdirSync(ARTIFACTS, { recursive: true });
}
