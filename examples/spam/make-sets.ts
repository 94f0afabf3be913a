import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNpz } from "@casemate/data";
import { messages } from "./messages.ts";
import { tokenized, vocabularyOf } from "./tokens.ts";

/** Writes messages as tokens to train on, to choose a checkpoint by and to test with, and the words that tokens stand for. */
const folder = process.argv[2]!;

mkdirSync(folder, { recursive: true });
const vocabulary = vocabularyOf(messages(4000, 1));
writeFileSync(join(folder, "vocabulary.txt"), `${["<padding>", "<unknown>", ...vocabulary.keys()].join("\n")}\n`);
for (const [name, count, seed] of [
  ["spam-train.npz", 4000, 1],
  ["spam-validation.npz", 500, 2],
  ["spam-test.npz", 1000, 3],
] as const) {
  await writeNpz(join(folder, name), tokenized(messages(count, seed), vocabulary));
  console.log(`${join(folder, name)}: ${count} messages`);
}
