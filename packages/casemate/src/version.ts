import { readFileSync } from "node:fs";

/** Casemate's version; all packages share one. */
export const version: string = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
