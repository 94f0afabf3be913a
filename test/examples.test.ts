import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readNpz, writeNpz } from "@casemate/data";
import { textCnn } from "@casemate/defenses";
import { openSession } from "@casemate/onnx";
import { binomialTest } from "@casemate/statistics";
import type { AnyTensor, Tensor } from "@casemate/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pick, readDigits, readSplit } from "../examples/digits/digits.ts";
import { applicants, columns } from "../examples/loans/applicants.ts";
import { cutBehindEmbedding, embedded } from "../examples/spam/embedding.ts";
import { messages } from "../examples/spam/messages.ts";
import { LENGTH, tokenized, vocabularyOf } from "../examples/spam/tokens.ts";
import { casemate, root } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-examples-"));
const path = (...names: string[]) => join(folder, "out", ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const vocabulary = vocabularyOf(messages(400, 1));
beforeAll(async () => {
  symlinkSync(join(root, "examples"), join(folder, "examples"), "junction");
  for (const name of ["digits", "loans", "spam"]) mkdirSync(path(name), { recursive: true });
  const table = (count: number, seed: number) => `${[columns.join(","), ...applicants(count, seed)].join("\n")}\n`;
  writeFileSync(path("loans", "loans-train.csv"), table(400, 1));
  writeFileSync(path("loans", "loans-validation.csv"), table(200, 2));
  const digits = readDigits();
  const { train, test: held } = await readSplit();
  const write = (file: string, { x, y }: { x: AnyTensor; y: AnyTensor }) => writeNpz(file, { x, y });
  await write(path("digits", "digits-train-8000.npz"), pick(digits, train.slice(0, 500)));
  await write(path("digits", "digits-validation-1500.npz"), pick(digits, held.slice(500, 700)));
  await write(path("spam", "spam-train.npz"), tokenized(messages(400, 1), vocabulary));
  await write(path("spam", "spam-validation.npz"), tokenized(messages(200, 2), vocabulary));
});

describe.each([
  { name: "digits", model: "digits-cnn.onnx", chance: 0.15 },
  { name: "loans", model: "loans-network.onnx", chance: 0.62 }, // the share of the more frequent class
  { name: "spam", model: "spam.onnx", chance: 0.5 },
])("npm run train of $name", ({ name, model, chance }) => {
  test("learns in three epochs of a few samples what chance does not find", async () => {
    const shorter = ["--epochs", "3", "--batch-size", "20", "--learning-rate", "0.004"];
    const ended = await casemate([...trainingLine(name), ...shorter], { cwd: folder });
    expect(ended.code, ended.stderr).toBe(0);
    const { history } = JSON.parse(readFileSync(`${path(name, model)}.training.json`, "utf8"));
    expect(history.at(-1).loss).toBeLessThan(0.9 * history[0].loss);
    const { correct, of } = history.at(-1);
    expect(binomialTest(correct, of, chance, "greater")).toBeLessThan(1e-3);
  });
});

test.each(["digits", "loans", "signs", "spam"])("%s has a script that trains, of files that there are", (name) => {
  const { scripts } = JSON.parse(readFileSync(join(root, "examples", name, "package.json"), "utf8"));
  expect(scripts.train).toBe("node train.mjs");
  const built = [...scriptOf(name).matchAll(/examples\/\w+\/dist\/([\w-]+)\.js/g)].map((match) => match[1]!);
  expect(built.length).toBeGreaterThan(0);
  for (const each of built) expect(existsSync(join(root, "examples", name, `${each}.ts`)), each).toBe(true);
});

describe("applicants", () => {
  test("follow from their key alone, and repay about as often as the bundled ones", () => {
    expect(applicants(20, 1).slice(0, 10)).toEqual(applicants(10, 1));
    expect(applicants(10, 2)).not.toEqual(applicants(10, 1));
    const repaid = applicants(2000, 1).filter((row) => row.endsWith(",repaid")).length;
    expect(repaid / 2000).toBeGreaterThan(0.5);
    expect(repaid / 2000).toBeLessThan(0.7); // 187 of 300 in test.csv
    expect(columns.join(",")).toBe(readFileSync(join(root, "examples/loans/test.csv"), "utf8").split("\n")[0]);
  });
});

describe("messages", () => {
  test("have no gap left in them, are half spam, and those to test with are others than those to train on", () => {
    const [train, held] = [messages(1000, 1), messages(1000, 3)];
    expect(train.filter(({ text }) => /[{}]|undefined/.test(text))).toEqual([]);
    expect(train.filter(({ isSpam }) => isSpam)).toHaveLength(500);
    const seen = new Set(train.map(({ text }) => text));
    expect(held.filter(({ text }) => seen.has(text)).length).toBeLessThan(10);
  });

  test("become the numbers of their words, with 1 for a word that is not known and 0 behind the end", () => {
    const known = new Map([
      ["hello", 2],
      ["$20", 3],
    ]);
    const { x, y } = tokenized([{ text: "Hello Zoe, $20 hello", isSpam: true }], known);
    expect([...x.data.slice(0, 7)]).toEqual([2, 1, 1, 3, 2, 0, 0]); // the comma is a word of its own
    expect([...y.data]).toEqual([1]);
  });

  test("give the same logits through the vectors of their tokens as through the tokens", async () => {
    const model = textCnn({ inputShape: [LENGTH], classes: 2, vocabulary: vocabulary.size + 2 });
    const { table, rest } = cutBehindEmbedding(model);
    const tokens = (await readNpz(path("spam", "spam-validation.npz"))).get("x") as Tensor<"int32">;
    const input = { dtype: "int64", shape: tokens.shape, data: BigInt64Array.from(tokens.data, BigInt) } as const;
    const [whole, part] = [await openSession(model), await openSession(rest)];
    const { logits } = await whole.run({ input }).finally(() => whole.dispose());
    const { logits: again } = await part.run({ embedded: embedded(tokens, table) }).finally(() => part.dispose());
    for (const [i, each] of (logits!.data as Float32Array).entries()) expect(again!.data[i]).toBeCloseTo(each, 5);
  });
});

/** The arguments of `casemate train` in an example's script. */
function trainingLine(name: string): string[] {
  const [, line] = /casemate\.mjs (train [^`]+)`/.exec(scriptOf(name))!;
  return line!.trim().split(/\s+/);
}

function scriptOf(name: string): string {
  return readFileSync(join(root, "examples", name, "train.mjs"), "utf8");
}
