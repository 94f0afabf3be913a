import { fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { flatShape, type ImageShape, imageShape } from "../image.ts";
import { type BaseLoss, lossFor } from "../models/losses.ts";
import { valueAt } from "../threats/radii.ts";
import { accumulate } from "./momentum.ts";
import type { LinearMap, TransferTransform } from "./transfer-transforms.ts";

export interface TransferAttackOptions {
  readonly transforms?: readonly TransferTransform[];
  readonly steps?: number;
  /** Length of a step in units of epsilon. */
  readonly stepSize?: number;
  /** What remains of the direction from one step to the next. */
  readonly momentum?: number;
  readonly loss?: BaseLoss;
}

/**
 * MI-FGSM with transforms that help a perturbation to fool other models than the one it was made on (Dong et al., 2018,
 * https://arxiv.org/abs/1710.06081, and the papers of each transform): give it `withSurrogate` a model whose gradients stand for
 * those of a target that has none. Without transforms it is MI-FGSM; with all it is VMI-SI-DI-TI.
 */
export function transferAttack({
  transforms = [],
  steps = 10,
  stepSize = 1 / steps,
  momentum = 1,
  loss = "cross-entropy",
}: TransferAttackOptions = {}): Attack {
  const names = transforms.map(({ name }) => name).join(", ");
  return {
    name: "Transfer attack",
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2"],
    restarts: 0,
    loss,
    parameters: { steps, stepSize, momentum, loss, transforms: names },
    citation: { text: "Dong et al., 2018", url: "https://arxiv.org/abs/1710.06081" },
    async *attempt(search) {
      const { threat, model, width, x, origin } = search;
      const views = new Views(search, transforms, loss);
      const variance = transforms.find((transform) => transform.type === "variance");
      const looksAhead = transforms.some(({ type }) => type === "lookahead");
      const velocity = search.floats();
      const slopes = search.floats();
      const correction = variance && search.floats();
      for (let step = 0; step < steps; step++) {
        await search.evaluate(); // keeps what is adversarial by now
        if (search.active === 0) break;
        const at = looksAhead ? views.ahead(velocity, momentum * stepSize) : x;
        const here = await views.gradientAt(at, step, 0);
        const raw = here.slice();
        if (correction) for (let i = 0; i < here.length; i++) here[i]! += correction.values[i]!;
        slopes.values.set(here);
        views.smooth(slopes);
        accumulate(velocity.values, momentum, slopes.values, width);
        if (variance && correction) {
          correction.values.set(await views.gradientAround(step, variance));
          for (let i = 0; i < raw.length; i++) correction.values[i]! -= raw[i]!;
        }
        threat.climb(x.values, velocity.values, origin.values, { width, bounds: model.bounds, stepSize, sparsity: 1 });
        search.dismiss();
        yield { step: step + 1, steps };
      }
      await search.evaluate();
    },
  };
}

/** The gradient as the transforms see it. */
class Views {
  readonly #search: Search;
  readonly #loss: BaseLoss;
  readonly #shape: ImageShape;
  readonly #inputs: readonly Extract<TransferTransform, { type: "input" }>[];
  readonly #smoothings: readonly Extract<TransferTransform, { type: "gradient" }>[];
  readonly #copies: number;
  /** A point for each sample, wherever it is needed for the moment. */
  readonly #near: Rows;
  readonly #ahead: Rows;

  constructor(search: Search, transforms: readonly TransferTransform[], loss: BaseLoss) {
    const shape = imageShape(search.model);
    const needsImage = transforms.find(({ name }) => name === "DI" || name === "TI");
    if (!shape && needsImage) {
      const got = `an input of [${search.model.inputShape}]`;
      throw new AttackError(
        "UNSUPPORTED_THREAT",
        `Transfer attack: expected images for ${needsImage.name}, got ${got}`,
      );
    }
    this.#search = search;
    this.#loss = loss;
    this.#shape = shape ?? flatShape(search.width);
    this.#inputs = transforms.filter((transform) => transform.type === "input");
    this.#smoothings = transforms.filter((transform) => transform.type === "gradient");
    this.#copies = this.#inputs.reduce((product, { copies }) => product * copies, 1);
    this.#near = search.floats();
    this.#ahead = search.floats();
  }

  /** Where momentum is about to lead: in Linf its mean change is `length` epsilons as in the authors' code. */
  ahead(velocity: Rows, length: number): Rows {
    const { x, threat, width, active } = this.#search;
    const scale = length * width * this.#perFeature;
    for (let row = 0; row < active; row++) {
      const [from, along, to] = [x.row(row), velocity.row(row), this.#ahead.row(row)];
      for (let j = 0; j < width; j++) to[j] = from[j]! + scale * valueAt(threat.epsilon, j) * along[j]!;
      this.#search.pin(row, to);
    }
    return this.#ahead;
  }

  /** The mean gradient over all copies of each row of `at`; `round` keeps the draws of several calls in a step apart. */
  async gradientAt(at: Rows, step: number, round: number): Promise<Float32Array> {
    const { width, active, model } = this.#search;
    const count = this.#copies;
    const points = new Float32Array(active * count * width);
    const maps: (readonly LinearMap[])[] = [];
    for (let row = 0; row < active; row++) {
      for (let copy = 0; copy < count; copy++) {
        const chain = this.#mapsOf(row, copy, step, round);
        maps.push(chain);
        through(chain, at.row(row), points.subarray((row * count + copy) * width, (row * count + copy + 1) * width));
      }
    }
    const owners = Int32Array.from({ length: active * count }, (_, i) => Math.floor(i / count));
    const target = this.#search.goal(0).target;
    const targets = target === undefined ? undefined : Int32Array.from(owners, (row) => this.#search.goal(row).target!);
    const loss = lossFor(this.#loss, model.classes, targets !== undefined);
    const { gradient } = await this.#search.differentiateAt(points, owners, loss, {
      ...(targets && { targets }),
      gradientOnly: true,
    });
    const mean = new Float32Array(active * width);
    for (let i = 0; i < owners.length; i++) {
      const back = backThrough(maps[i]!, gradient.subarray(i * width, (i + 1) * width));
      for (let j = 0, m = owners[i]! * width; j < width; j++, m++) mean[m]! += back[j]! / count;
    }
    return mean;
  }

  /** What each feature may change by if all change alike, in epsilons: in L2 they share one. */
  get #perFeature(): number {
    const { threat, width } = this.#search;
    return threat.norm === "l2" ? 1 / Math.sqrt(width) : 1;
  }

  /** The mean gradient of random points around each row. */
  async gradientAround(
    step: number,
    { neighbours, range }: Extract<TransferTransform, { type: "variance" }>,
  ): Promise<Float32Array> {
    const { width, active, threat, x } = this.#search;
    const reach = range * this.#perFeature;
    const mean = new Float32Array(active * width);
    const near = this.#near;
    for (let n = 1; n <= neighbours; n++) {
      for (let row = 0; row < active; row++) {
        const point = fillUniform(near.row(row), this.#search.draw(row, step, n), -reach, reach);
        const centre = x.row(row);
        for (let j = 0; j < width; j++) point[j] = centre[j]! + valueAt(threat.epsilon, j) * point[j]!;
        this.#search.pin(row, point);
      }
      const gradient = await this.gradientAt(near, step, n);
      for (let i = 0; i < mean.length; i++) mean[i]! += gradient[i]! / neighbours;
    }
    return mean;
  }

  smooth(rows: Rows): void {
    for (const { smooth } of this.#smoothings) {
      for (let row = 0; row < this.#search.active; row++) smooth(rows.row(row), this.#shape);
    }
  }

  /** What one copy goes through; the digits of `copy` choose a copy of each input transform. */
  #mapsOf(row: number, copy: number, step: number, round: number): readonly LinearMap[] {
    let rest = copy;
    return this.#inputs.flatMap((transform, index) => {
      const own = rest % transform.copies;
      rest = Math.floor(rest / transform.copies);
      const draw = this.#search.draw(row, step, DRAWS + round * MOST_COPIES + copy * this.#inputs.length + index);
      return transform.map(this.#shape, own, draw) ?? [];
    });
  }
}

/** Purposes of draws from here on belong to the maps of copies. */
const DRAWS = 1000;
const MOST_COPIES = 1000;

function through(maps: readonly LinearMap[], from: Float32Array, to: Float32Array): void {
  to.set(from);
  for (const map of maps) map.apply(to.slice(), to);
}

function backThrough(maps: readonly LinearMap[], gradient: Float32Array): Float32Array {
  const back = gradient.slice();
  for (const map of maps.toReversed()) map.transpose(back.slice(), back);
  return back;
}
