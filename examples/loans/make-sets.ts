import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applicants, columns } from "./applicants.ts";

/** Writes applicants to train on, others to choose a checkpoint by, and others to test with, into the folder named first. */
const folder = process.argv[2]!;

mkdirSync(folder, { recursive: true });
for (const [name, count, seed] of [
  ["loans-train.csv", 2000, 1],
  ["loans-validation.csv", 500, 2],
  ["loans-test.csv", 500, 3],
] as const) {
  writeFileSync(join(folder, name), `${[columns.join(","), ...applicants(count, seed)].join("\n")}\n`);
  console.log(`${join(folder, name)}: ${count} applicants`);
}
