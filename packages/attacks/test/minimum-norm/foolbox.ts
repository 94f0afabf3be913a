import { readFile } from "node:fs/promises";
import { tensor } from "@casemate/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Attack,
  type BallNorm,
  carliniWagnerL2,
  ddn,
  deepFool,
  elasticNet,
  fmn,
  type OnnxClassifier,
  run,
  threats,
} from "../../src/index.ts";
import { type DigitsModel, openDigits, readDigits } from "../digits.ts";

interface FoolboxRow {
  readonly model: DigitsModel;
  readonly attack: keyof typeof attacks;
  readonly norm: BallNorm;
  /** The first so many digits. */
  readonly n: number;
  readonly broken: number;
  /** Mean distance over the broken. */
  readonly mean: number;
  readonly steps: number;
  /** Constants tried, with so many steps each. */
  readonly searches?: number;
}

const attacks = {
  "C&W L2": ({ steps, searches }: FoolboxRow): Attack => carliniWagnerL2({ iterations: steps, searches: searches! }),
  DDN: ({ steps }: FoolboxRow): Attack => ddn({ steps }),
  DeepFool: ({ steps }: FoolboxRow): Attack => deepFool({ steps }),
  "EAD-EN": (row: FoolboxRow): Attack => attacks["EAD-L1"](row, "EN"),
  "EAD-L1": ({ steps, searches }: FoolboxRow, rule: "L1" | "EN" = "L1"): Attack =>
    elasticNet({ rule, iterations: steps, searches: searches! }),
  FMN: ({ steps }: FoolboxRow): Attack => fmn({ steps }),
};

const file = new URL("../vectors/minimum-norm.json", import.meta.url);
const vectors: Record<"few" | "full", FoolboxRow[]> = JSON.parse(await readFile(file, "utf8"));
const { x, labels } = await readDigits();

/** Holds our attacks against Foolbox's results with as many steps: as many broken, the nearest of them at most 2 % farther. */
export function describeFoolbox(size: "few" | "full"): void {
  const models = new Map<DigitsModel, OnnxClassifier>();
  beforeAll(async () => {
    for (const { model } of vectors[size]) if (!models.has(model)) models.set(model, await openDigits(model));
  });
  afterAll(async () => {
    for (const model of models.values()) await model.dispose();
  });

  describe.each(vectors[size])("$attack in $norm on $n digits of $model", (row) => {
    test("breaks as many as Foolbox, as near", async () => {
      const { model, attack, norm, n, broken, mean } = row;
      const part = tensor([n, 1, 28, 28], x.data.slice(0, n * 784));
      const options = { attack: attacks[attack](row), attackMisclassified: true };
      const { samples } = await run(models.get(model)!, part, labels.slice(0, n), threats[norm](Infinity), options);
      const distances = samples.flatMap(({ distance }) => (distance === undefined ? [] : [distance]));
      expect(distances.length).toBeGreaterThanOrEqual(broken);
      const nearest = distances.sort((a, b) => a - b).slice(0, broken);
      expect(nearest.reduce((sum, each) => sum + each, 0) / broken).toBeLessThan(mean * 1.02);
    });
  });
}
