import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeNpz } from "@casemate/data";
import { pick, readDigits, readSplit } from "./digits.ts";

/** Writes the digits to train on, and those to choose a checkpoint by, into the folder named first. */
const folder = process.argv[2]!;

const digits = readDigits();
const { train, test } = await readSplit();
mkdirSync(folder, { recursive: true });
for (const [name, indices] of [
  ["digits-train-8000.npz", train],
  ["digits-validation-1500.npz", test.slice(500)],
] as const) {
  const { x, y } = pick(digits, indices);
  await writeNpz(join(folder, name), { x, y });
  console.log(`${join(folder, name)}: ${indices.length} digits`);
}
