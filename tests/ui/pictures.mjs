// Takes the pictures of the last test run over into docs/images, for README.md and docs/tour.md.
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";

const ARTIFACTS = new URL("../artifacts/ui/", import.meta.url);
const IMAGES = new URL("../../docs/images/", import.meta.url);
/** A page of documents must load fast, and the repository stay small. */
const LARGEST = 150_000;

const names = existsSync(ARTIFACTS)
  ? readdirSync(ARTIFACTS).filter((name) => name.startsWith("tour-"))
  : [];
if (names.length === 0) throw new Error("there are no pictures: run the tests first");
mkdirSync(IMAGES, { recursive: true });
for (const name of names) {
  const from = new URL(name, ARTIFACTS);
  if (statSync(from).size > LARGEST) throw new Error(`${name} is larger than ${LARGEST} bytes`);
  copyFileSync(from, new URL(name.slice("tour-".length), IMAGES));
}
