import { fillIntegers, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { isBroken, judge } from "../criterion.ts";
import { BudgetExhausted, Evaluator, type Failures } from "../engine/evaluator.ts";
import { AttackError } from "../errors.ts";
import type { Classifier, GradientClassifier } from "../models/classifier.ts";
import { lossFor } from "../models/losses.ts";
import { adam } from "./adam.ts";
import { splitSamples } from "./held-out.ts";
import { measurePattern } from "./measure-pattern.ts";
import type { PatternOptions, PatternProgress, PatternResult } from "./pattern-options.ts";
import { lookAt, type PatternShape, passBack, show } from "./pattern-render.ts";
import { drawView, type Placement, type Transformations, transformationNames } from "./pattern-view.ts";
import { nonPrintability, quantise, roughness } from "./printability.ts";
import { greyPattern, sceneOf } from "./scene.ts";

export interface PatternTask {
  readonly name: string;
  readonly pattern: PatternShape;
  readonly placements: (sample: number) => Placement;
  readonly transformations: Transformations;
}

/** Makes one pattern that works on many samples in many views (Athalye et al., 2018, https://arxiv.org/abs/1707.07397), then measures it. */
export async function* trainPattern(
  model: GradientClassifier,
  x: Tensor,
  labels: ArrayLike<number>,
  task: PatternTask,
  options: PatternOptions,
): AsyncGenerator<PatternProgress, PatternResult> {
  const { target, loss = "cross-entropy", steps = 300, viewsPerStep = 16, learningRate = 0.03 } = options;
  const { palette, quantised = true, printability = 0, smoothness = 0, seed = 0, batchSize = 64 } = options;
  const { budget = {}, signal, now = () => performance.now() } = options;
  const { pattern: shape, placements, transformations } = task;
  const scene = sceneOf(model, task.name);
  checkOptions(model, scene.shape.channels, task, options);
  const { trained, heldOut } = splitSamples(task.name, model, x, labels, { share: options.heldOut ?? 0.25, seed });
  const useful = trained.filter((sample) => labels[sample] !== target);
  if (useful.length === 0) {
    throw new AttackError(
      "INVALID_OPTION",
      `${task.name}: expected samples of other classes than the target ${target}`,
    );
  }
  const evaluator = new Evaluator(model, { batchSize, budget, signal, now });
  const width = sizeOf(model.inputShape);
  const texels = shape.rows * shape.columns;
  const ranges = scene.range.upper.map((upper, channel) => upper - scene.range.lower[channel]!);
  const pattern = greyPattern(scene, texels);
  const optimizer = adam(pattern.length);
  const climbed = lossFor(loss, model.classes, target !== undefined);
  let done = 0;
  let isComplete = true;
  for (; done < steps; done++) {
    const picks = fillIntegers(
      new Int32Array(viewsPerStep),
      { seed, stream: PICKS, sample: 0, step: done },
      useful.length,
    );
    const samples = Array.from(picks, (pick) => useful[pick]!);
    const points = new Float32Array(samples.length * width);
    const views = samples.map((sample, i) => {
      const draw = { seed, stream: VIEWS + i, sample, step: done };
      const seen = lookAt(drawView(placements(sample), transformations, transformationNames, draw), shape, scene.shape);
      const image = x.data.subarray(sample * width, (sample + 1) * width);
      return { seen, clipped: show(seen, pattern, image, points.subarray(i * width, (i + 1) * width), scene) };
    });
    const answers = {
      logits: new Float32Array(samples.length * model.classes),
      loss: new Float64Array(samples.length),
      gradient: new Float32Array(points.length),
    };
    const classes = Int32Array.from(samples, (sample) => labels[sample]!);
    const feeds = target === undefined ? {} : { targets: new Int32Array(samples.length).fill(target) };
    let failures: Failures;
    try {
      failures = await evaluator.lossGradient(points, classes, climbed, feeds, answers);
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      isComplete = false;
      break;
    }
    const slopes = new Float64Array(pattern.length);
    let [sum, broken, answered] = [0, 0, 0];
    for (const [i, { seen, clipped }] of views.entries()) {
      if (failures.has(i)) continue;
      answered++;
      sum += answers.loss[i]!;
      const goal = { label: classes[i]!, target };
      const { prediction } = judge(answers.logits, i, model.classes, goal);
      if (prediction >= 0 && isBroken(goal, prediction)) broken++;
      passBack(seen, answers.gradient.subarray(i * width, (i + 1) * width), clipped, slopes, scene.shape);
    }
    if (answered === 0) {
      throw new Error(`${task.name}: the model answered no view of step ${done}: ${failures.get(0)}`);
    }
    for (let i = 0; i < slopes.length; i++) slopes[i]! /= answered;
    if (palette && printability > 0) nonPrintability(pattern, palette, ranges, slopes, -printability / texels);
    if (smoothness > 0) roughness(pattern, shape, ranges, slopes, -smoothness / texels);
    optimizer(slopes, (i, direction) => {
      const channel = Math.floor(i / texels);
      const moved = pattern[i]! + learningRate * ranges[channel]! * direction;
      pattern[i] = Math.min(scene.range.upper[channel]!, Math.max(scene.range.lower[channel]!, moved));
    });
    const queries = { forward: evaluator.forward, backward: evaluator.backward };
    yield { type: "progress", step: done + 1, steps, loss: sum / answered, broken, views: answered, queries };
  }
  const score = palette && nonPrintability(pattern, palette, ranges, new Float64Array(pattern.length)) / texels;
  if (palette && quantised) quantise(pattern, palette, ranges);
  const measurement = { task, scene, pattern, target, seed, views: options.viewsPerSample ?? 5 };
  const measured = await measurePattern(evaluator, x, labels, heldOut, measurement);
  return {
    pattern: inLayout(pattern, shape, model),
    mask: tensor([shape.rows, shape.columns], Float32Array.from(shape.mask)),
    ...(target !== undefined && { target }),
    trained,
    heldOut,
    ...measured,
    ...(score !== undefined && { nonPrintability: score }),
    queries: { forward: evaluator.forward, backward: evaluator.backward },
    steps: done,
    isComplete,
    seed,
  };
}

/** From [channels, rows, columns] to where the model has its channels. */
function inLayout(pattern: Float32Array, { rows, columns }: PatternShape, { inputShape, layout }: Classifier): Tensor {
  const texels = rows * columns;
  const channels = pattern.length / texels;
  if (inputShape.length === 2 || layout !== "channels-last") return tensor([channels, rows, columns], pattern);
  const turned = Float32Array.from(pattern, (_, i) => pattern[(i % channels) * texels + Math.floor(i / channels)]!);
  return tensor([rows, columns, channels], turned);
}

function checkOptions(
  model: Classifier,
  channels: number,
  { name, transformations: { scale, contrast, perspective, ...others } }: PatternTask,
  { target, palette, steps = 1, viewsPerStep = 1, viewsPerSample = 1 }: PatternOptions,
): void {
  const complain = (expected: string, got: unknown): never => {
    throw new AttackError("INVALID_OPTION", `${name}: expected ${expected}, got ${got}`);
  };
  for (const [option, value] of Object.entries({ steps, viewsPerStep, viewsPerSample })) {
    if (!(Number.isInteger(value) && value > 0)) complain(`${option} of at least 1`, value);
  }
  if (target !== undefined && !(Number.isInteger(target) && target >= 0 && target < model.classes)) {
    complain(`a target from 0 to ${model.classes - 1}`, target);
  }
  if (!(scale[0] > 0 && scale[1] >= scale[0])) complain("a scale of two rising numbers above 0", `[${scale}]`);
  if (!(contrast[0] >= 0 && contrast[1] >= contrast[0])) complain("a contrast of two rising numbers", `[${contrast}]`);
  if (!(perspective >= 0 && perspective < 0.5)) complain("a perspective from 0 to below 0.5", perspective);
  for (const [option, value] of Object.entries(others)) {
    if (!(value >= 0 && Number.isFinite(value))) complain(`a ${option} of at least 0`, value);
  }
  if (palette && (palette.length === 0 || palette.some((colour) => colour.length !== channels))) {
    complain(`a palette of colours with ${channels} channels`, JSON.stringify(palette));
  }
}

// Streams of random numbers, apart from those of attacks by chance and from each other by design.
const PICKS = 0x50415443;
const VIEWS = 0x56494557;
