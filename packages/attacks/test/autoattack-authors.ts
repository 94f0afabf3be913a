import { readFile } from "node:fs/promises";
import { tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { autoAttack, linf, run } from "../src/index.ts";
import { type DigitsModel, openDigits, readDigits } from "./digits.ts";

interface AuthorsRow {
  readonly model: DigitsModel;
  readonly epsilon: number;
  /** The first so many digits. */
  readonly n: number;
  /** How many stand in the end. */
  readonly robust: number;
}

const file = new URL("./vectors/autoattack.json", import.meta.url);
const vectors: Record<"few" | "full", AuthorsRow[]> = JSON.parse(await readFile(file, "utf8"));
const { x, labels } = await readDigits();

/** Holds AutoAttack against the authors' results: at most 2 of 500, or 1 of fewer, stand more or less. */
export function describeAuthors(size: "few" | "full"): void {
  test.each(vectors[size])("AutoAttack leaves as many of $n digits standing as the authors' on $model", async (row) => {
    const model = await openDigits(row.model);
    onTestFinished(() => model.dispose());
    const part = tensor([row.n, 1, 28, 28], x.data.slice(0, row.n * 784));
    const { curve } = await run(model, part, labels.slice(0, row.n), linf(row.epsilon), { attack: autoAttack() });
    expect(Math.abs(curve[0]!.robust - row.robust)).toBeLessThanOrEqual(row.n === 500 ? 2 : 1);
    expect(curve[0]!.failed).toBe(0);
  });
}
