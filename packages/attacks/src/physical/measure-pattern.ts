import { sizeOf, type Tensor } from "@casemate/tensor";
import { isBroken } from "../criterion.ts";
import type { Evaluator } from "../engine/evaluator.ts";
import type { PatternCounts, PatternExample, PatternResult } from "./pattern-options.ts";
import { lookAt, show } from "./pattern-render.ts";
import { drawView, type TransformationName, transformationNames } from "./pattern-view.ts";
import { predictClasses } from "./predict-classes.ts";
import { greyPattern, type Scene } from "./scene.ts";
import type { PatternTask } from "./train-pattern.ts";

export interface Measurement {
  readonly task: PatternTask;
  readonly scene: Scene;
  /** [channels, rows, columns] */
  readonly pattern: Float32Array;
  readonly target: number | undefined;
  readonly seed: number;
  /** Of each sample under each transformation. */
  readonly views: number;
}

/** Counts what a pattern does to samples, by transformation, beside a grey one in the same views. */
export async function measurePattern(
  evaluator: Evaluator,
  x: Tensor,
  labels: ArrayLike<number>,
  samples: readonly number[],
  measurement: Measurement,
): Promise<Pick<PatternResult, "wrong" | "alreadyTarget" | "failed" | "counts" | "examples">> {
  const { task, target, pattern, scene } = measurement;
  const width = sizeOf(evaluator.model.inputShape);
  const imageOf = (sample: number) => x.data.subarray(sample * width, (sample + 1) * width);
  const others = samples.filter((sample) => labels[sample] !== target);
  const clean = await predictClasses(evaluator, others, imageOf, FREE);
  const right = others.filter((sample, i) => clean[i] === labels[sample]);
  const failed = clean.filter((prediction) => prediction < 0).length;
  const grey = greyPattern(scene, task.pattern.rows * task.pattern.columns);
  const counts: PatternCounts[] = [];
  const examples: PatternExample[] = [];
  for (const [index, transformation] of (["none", ...transformationNames, "all"] as const).entries()) {
    const names: readonly TransformationName[] =
      transformation === "all" ? transformationNames : transformation === "none" ? [] : [transformation];
    const views = transformation === "none" ? 1 : measurement.views;
    const count = { broken: 0, robust: 0, failed: 0, brokenByGrey: 0 };
    for (let step = 0; step < views; step++) {
      const seen = right.map((sample) => {
        const draw = { seed: measurement.seed, stream: MEASURED + index, sample, step };
        return lookAt(drawView(task.placements(sample), task.transformations, names, draw), task.pattern, scene.shape);
      });
      const shown = (what: Float32Array) => (sample: number, i: number) => {
        const image = new Float32Array(width);
        show(seen[i]!, what, imageOf(sample), image, scene);
        return image;
      };
      const underPattern = await predictClasses(evaluator, right, shown(pattern), FREE);
      const underGrey = await predictClasses(evaluator, right, shown(grey), FREE);
      for (const [i, sample] of right.entries()) {
        const goal = { label: labels[sample]!, target };
        if (underPattern[i]! < 0) count.failed++;
        else if (isBroken(goal, underPattern[i]!)) {
          count.broken++;
          if (transformation === "all" && step === 0 && examples.length < EXAMPLES) {
            examples.push({ sample, image: shown(pattern)(sample, i), prediction: underPattern[i]! });
          }
        } else count.robust++;
        if (underGrey[i]! >= 0 && isBroken(goal, underGrey[i]!)) count.brokenByGrey++;
      }
    }
    counts.push({ transformation, ...count });
  }
  return {
    wrong: others.length - right.length - failed,
    alreadyTarget: samples.length - others.length,
    failed,
    counts,
    examples,
  };
}

const EXAMPLES = 6;

const MEASURED = 0x4d454153; // streams of random numbers, one for each transformation

const FREE = { mayOverdraw: true }; // the budget is for the making
