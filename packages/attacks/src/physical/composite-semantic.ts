import { fillNormal, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { type Picture, pictureOf, writePicture } from "../corruptions/picture.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { lossFor } from "../models/losses.ts";
import { valueAt } from "../threats/radii.ts";
import { makeDoublyStochastic, permutationNear } from "./component-order.ts";
import { type Scene, sceneOf } from "./scene.ts";
import { type SemanticComponent, semanticChanges, usualRanges } from "./semantic-components.ts";

export interface CompositeSemanticOptions {
  /** What the image is changed by, in this order if the order is fixed. */
  readonly components?: readonly SemanticComponent[];
  readonly ranges?: Partial<Readonly<Record<SemanticComponent, readonly [number, number]>>>;
  /** "scheduled" learns an order for each sample, round by round; "random" draws one for each; "fixed" keeps the given. */
  readonly order?: "scheduled" | "random" | "fixed";
  readonly rounds?: number;
  /** Gradient steps on each component in each round. */
  readonly steps?: number;
}

/**
 * Composite adversarial attack (Hsiung et al., 2023, https://arxiv.org/abs/2202.04235): hue, saturation, rotation, brightness,
 * contrast and a small perturbation in Linf, one after the other, each climbed within its range; the order is learned as a
 * doubly stochastic matrix. Not bounded by a ball. Ranges and step sizes are the authors'. As in their code, the matrix's slope is that
 * of its last row; unlike there, scheduling takes the components as they are, without steps of its own. Images of one channel
 * have no hue and saturation, and go without them.
 */
export function compositeSemantic({
  components = ["hue", "saturation", "rotation", "brightness", "contrast", "linf"],
  ranges = {},
  order = "scheduled",
  rounds = 5,
  steps = 10,
}: CompositeSemanticOptions = {}): Attack {
  const limits = { ...usualRanges, ...ranges };
  for (const name of components) {
    const [low, high] = limits[name];
    if (!(low <= high)) {
      throw new AttackError(
        "INVALID_OPTION",
        `Composite semantic: expected a rising range of ${name}, got [${limits[name]}]`,
      );
    }
  }
  if (components.length === 0 || new Set(components).size < components.length) {
    throw new AttackError("INVALID_OPTION", `Composite semantic: expected different components, got [${components}]`);
  }
  return {
    name: "Composite semantic",
    access: "gradient",
    aim: "anywhere",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { components: components.join(", "), order, rounds, steps },
    citation: { text: "Hsiung et al., 2023", url: "https://arxiv.org/abs/2202.04235" },
    async *attempt(search) {
      const scene = sceneOf(search.model, "Composite semantic");
      const isColoured = scene.shape.channels === 3;
      const names = components.filter((name) => isColoured || (name !== "hue" && name !== "saturation"));
      const count = names.length;
      if (count === 0) {
        const expected = "images with three channels for hue and saturation";
        throw new AttackError(
          "UNSUPPORTED_MODEL",
          `Composite semantic: expected ${expected}, got ${scene.shape.channels}`,
        );
      }
      const { x, origin, width } = search;
      const amounts = search.floats(count);
      const base = search.floats(); // what the component at work starts from
      const schedule = search.floats(count * count);
      for (let row = 0; row < search.active; row++) {
        fillUniform(amounts.row(row), search.draw(row, 0));
        for (const [k, name] of names.entries()) {
          const [low, high] = limits[name];
          amounts.row(row)[k] = low + (high - low) * amounts.row(row)[k]!;
        }
        fillUniform(schedule.row(row), search.draw(row, 0, 1));
      }
      const turns = search.floats(count);
      for (let row = 0; row < search.active; row++) {
        const matrix = Float64Array.from(schedule.row(row));
        makeDoublyStochastic(matrix, count);
        turns.row(row).set(order === "fixed" ? names.map((_, k) => k) : permutationNear(matrix, count));
      }
      const total = rounds * count * steps;
      for (let round = 0; round < rounds; round++) {
        if (order === "scheduled" && count > 1) {
          await reschedule(search, scene, { names, round, amounts, schedule, turns });
          search.dismiss();
          if (search.active === 0) return;
        }
        for (let row = 0; row < search.active; row++) base.row(row).set(origin.row(row));
        for (let turn = 0; turn < count; turn++) {
          for (let row = 0; row < search.active; row++) {
            const k = turns.row(row)[turn]!;
            change(base.row(row), names[k]!, amounts.row(row)[k]!, scene, x.row(row));
          }
          for (let step = 1; step <= steps; step++) {
            await search.differentiate("cross-entropy");
            for (let row = 0; row < search.active; row++) {
              const k = turns.row(row)[turn]!;
              const name = names[k]!;
              const [low, high] = limits[name];
              const stepSize = (2.5 * (high - low)) / 2 / steps;
              const slopes = search.gradient.row(row);
              if (name === "linf") {
                climb(x.row(row), base.row(row), slopes, { low, high, stepSize }, scene);
                continue;
              }
              const amount = amounts.row(row)[k]!;
              const slope = slopeOf(base.row(row), name, amount, (high - low) * NUDGE, slopes, scene);
              amounts.row(row)[k] = Math.min(high, Math.max(low, amount + stepSize * Math.sign(slope)));
              change(base.row(row), name, amounts.row(row)[k]!, scene, x.row(row));
            }
            yield { step: (round * count + turn) * steps + step, steps: total };
            if (search.active === 0) return;
          }
          base.values.set(x.values.subarray(0, search.active * width));
        }
        await search.evaluate();
        if (search.active === 0) return;
      }
    },
  };
}

const NUDGE = 1e-3; // of a component's range, either way, for its slope

interface Schedule {
  readonly names: readonly SemanticComponent[];
  readonly round: number;
  readonly amounts: ReturnType<Search["floats"]>;
  /** The doubly stochastic matrix of each sample. */
  readonly schedule: ReturnType<Search["floats"]>;
  /** The order that is nearest to it. */
  readonly turns: ReturnType<Search["floats"]>;
}

/** Asks for the gradient at the image that all orders, weighted by the matrix, give together, and climbs the matrix to a new order. */
async function reschedule(
  search: Search,
  scene: Scene,
  { names, round, amounts, schedule, turns }: Schedule,
): Promise<void> {
  const { width, active, model } = search;
  const count = names.length;
  const points = new Float32Array(active * width);
  const lastChanges: Float32Array[][] = [];
  for (let row = 0; row < active; row++) {
    const matrix = Float64Array.from(schedule.row(row));
    if (round === 0) makeDoublyStochastic(matrix, count);
    schedule.row(row).set(matrix);
    let mixed = search.origin.row(row).slice();
    for (let turn = 0; turn < count; turn++) {
      const changes = names.map((name, k) => change(mixed, name, amounts.row(row)[k]!, scene, new Float32Array(width)));
      mixed = new Float32Array(width);
      for (const [k, changed] of changes.entries()) {
        for (let j = 0; j < width; j++) mixed[j]! += matrix[turn * count + k]! * changed[j]!;
      }
      lastChanges[row] = changes;
    }
    points.set(mixed, row * width);
  }
  const owners = Array.from({ length: active }, (_, row) => row);
  const isTargeted = search.goal(0).target !== undefined;
  const feeds = isTargeted ? { targets: Int32Array.from(owners, (row) => search.goal(row).target!) } : {};
  const loss = lossFor("cross-entropy", model.classes, isTargeted);
  const { gradient } = await search.differentiateAt(points, owners, loss, feeds);
  for (let row = 0; row < active; row++) {
    const slopes = gradient.subarray(row * width, (row + 1) * width);
    const matrix = Float64Array.from(schedule.row(row));
    const last = (count - 1) * count;
    for (const [k, changed] of lastChanges[row]!.entries()) {
      let slope = 0;
      for (let j = 0; j < width; j++) slope += slopes[j]! * changed[j]!;
      matrix[last + k]! += Math.min(LARGEST, Math.max(-LARGEST, slope));
    }
    const before = [...turns.row(row)];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const noise = fillNormal(new Float32Array(count * count), search.draw(row, round * ATTEMPTS + attempt, 2));
      for (let i = 0; i < matrix.length; i++)
        matrix[i] = Math.exp(matrix[i]! + (attempt > 0 ? 2 * (noise[i]! + 1) : 0));
      makeDoublyStochastic(matrix, count);
      const next = permutationNear(matrix, count);
      turns.row(row).set(next);
      if (next.join() !== before.join()) break;
    }
    schedule.row(row).set(matrix);
  }
}

const ATTEMPTS = 20; // to come away from the order of the last round, with noise
const LARGEST = 50; // slope, so that its exponential stays a number

/** Writes the sample changed by a component to `target`; "linf" changes nothing by itself. */
function change(
  sample: Float32Array,
  name: SemanticComponent,
  amount: number,
  { shape, bounds }: Scene,
  target: Float32Array,
): Float32Array {
  target.set(sample);
  if (name === "linf") return target;
  const picture: Picture = semanticChanges[name](pictureOf(sample, shape, bounds), amount);
  writePicture(picture, target, shape, bounds);
  return target;
}

/** How fast the loss grows with a component's amount: its gradient times the central difference of the image. */
function slopeOf(
  sample: Float32Array,
  name: SemanticComponent,
  amount: number,
  nudge: number,
  gradient: Float32Array,
  scene: Scene,
): number {
  const more = change(sample, name, amount + nudge, scene, new Float32Array(sample.length));
  const less = change(sample, name, amount - nudge, scene, new Float32Array(sample.length));
  let slope = 0;
  for (let j = 0; j < sample.length; j++) slope += gradient[j]! * (more[j]! - less[j]!);
  return slope / (2 * nudge);
}

/** One signed step of each feature, within the range around `base` and the bounds; both in shares of the channel's range. */
function climb(
  point: Float32Array,
  base: Float32Array,
  slopes: Float32Array,
  { low, high, stepSize }: Readonly<Record<"low" | "high" | "stepSize", number>>,
  { shape, range, bounds }: Scene,
): void {
  const { channels, channelStride } = shape;
  for (let j = 0; j < point.length; j++) {
    const channel = channels === 1 ? 0 : channelStride === 1 ? j % channels : Math.floor(j / channelStride);
    const span = range.upper[channel]! - range.lower[channel]!;
    const moved = point[j]! + stepSize * span * Math.sign(slopes[j]!);
    const near = Math.min(base[j]! + high * span, Math.max(base[j]! + low * span, moved));
    point[j] = Math.min(valueAt(bounds.upper, j), Math.max(valueAt(bounds.lower, j), near));
  }
}
