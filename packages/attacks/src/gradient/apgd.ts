import type { Attack, Step } from "../attack.ts";
import type { Rows } from "../engine/active-rows.ts";
import type { Search } from "../engine/search.ts";
import { type Threat, threats } from "../threats/threat.ts";
import type { Climb } from "./apgd-climb.ts";
import { MomentumClimb } from "./apgd-momentum.ts";
import { SparseClimb } from "./apgd-sparse.ts";
import { NextBestClasses } from "./next-best-classes.ts";

export interface ApgdOptions {
  readonly steps?: number;
  readonly restarts?: number;
  /** In Linf and L2: the share of the steps since the last checkpoint that must have raised the loss, or the step is halved. */
  readonly rho?: number;
  /** In L1: begin in a ball of 3 epsilon, go on in one of 2, end in the one that counts (Croce & Hein, 2021). */
  readonly shrinkingBall?: boolean;
  /** Evaluations that a gradient is the mean of: more than 1 for randomised models (EOT). */
  readonly eotIterations?: number;
}

export interface ApgdTargetedOptions extends ApgdOptions {
  /** How many of the clean sample's next-best classes are tried; at most all but the label. */
  readonly targets?: number;
}

/**
 * Auto-PGD on the cross-entropy (Croce & Hein, 2020, https://arxiv.org/abs/2003.01690), as the authors' AutoAttack runs it:
 * from a random point on the surface of the ball, with momentum, halving each sample's step at checkpoints where it does not
 * get ahead and going back to its best point. In L1 steps are sparse and without momentum (Croce & Hein, 2021,
 * https://arxiv.org/abs/2103.01208); the start there is uniform on the ball's surface, where the authors project noise.
 */
export function apgdCe(options: ApgdOptions = {}): Attack {
  return apgd("APGD-CE", "cross-entropy", 0, options);
}

/**
 * Auto-PGD on the difference of logits ratio, which does not depend on the scale of the logits. With fewer than three classes
 * (four if targeted) that is not defined and the margin takes its place.
 */
export function apgdDlr(options: ApgdOptions = {}): Attack {
  return apgd("APGD-DLR", "dlr", 0, options);
}

/**
 * Auto-PGD on the targeted difference of logits ratio, towards the clean sample's next-best classes one after another, each
 * on what still stands. Under a targeted criterion it has that one target. With fewer than four classes the targeted margin
 * takes the loss's place.
 */
export function apgdT({ targets = 9, ...options }: ApgdTargetedOptions = {}): Attack {
  return apgd("APGD-T", "targeted-dlr", targets, options);
}

function apgd(
  name: string,
  loss: "cross-entropy" | "dlr" | "targeted-dlr",
  targets: number,
  { steps = 100, restarts = 0, rho = 0.75, shrinkingBall = true, eotIterations = 1 }: ApgdOptions,
): Attack {
  const parameters = { steps, restarts, rho, shrinkingBall, eotIterations, loss, ...(targets > 0 && { targets }) };
  return {
    name,
    access: "gradient",
    aim: "inside",
    norms: ["linf", "l2", "l1"],
    restarts,
    loss,
    parameters,
    citation: { text: "Croce & Hein, 2020", url: "https://arxiv.org/abs/2003.01690" },
    async *attempt(search) {
      const climb = search.threat.norm === "l1" ? new SparseClimb(search) : new MomentumClimb(search, rho);
      const phases = phasesOf(search.threat, steps, shrinkingBall);
      const ascend = new Ascent(search, climb, { loss: loss === "cross-entropy" ? loss : "dlr", eotIterations });
      if (targets === 0) return yield* ascend.run(phases, 0);
      const classes = new NextBestClasses(search, targets);
      await classes.rank();
      for (let rank = 0; rank < classes.count; rank++) {
        for await (const { step, steps: length } of ascend.run(phases, rank, classes.at(rank))) {
          yield { step: rank * length + step, steps: classes.count * length };
        }
      }
    },
  };
}

/** A stretch of steps in a ball of its own; only what is found in the last, which is the ball that counts, is kept. */
interface Phase {
  readonly threat: Threat;
  readonly steps: number;
}

/** 3, 2 and 1 times epsilon for 30, 30 and 40 % of the steps in L1; elsewhere the ball stays what it is. */
function phasesOf(threat: Threat, steps: number, shrinkingBall: boolean): readonly Phase[] {
  if (threat.norm !== "l1" || !shrinkingBall) return [{ threat, steps }];
  const part = Math.min(Math.ceil(0.3 * steps), Math.floor(steps / 2));
  return [
    { threat: scaled(threat, 3), steps: part },
    { threat: scaled(threat, 2), steps: part },
    { threat, steps: steps - 2 * part },
  ];
}

function scaled({ norm, epsilon, mask, constraints }: Threat, factor: number): Threat {
  const radius = typeof epsilon === "number" ? factor * epsilon : epsilon.map((each) => factor * each);
  return threats[norm](radius, { ...(mask && { mask }), ...(constraints && { constraints }) });
}

/** Climbs from a random start to the last step, as often as it is run. */
class Ascent {
  readonly #search: Search;
  readonly #climb: Climb;
  readonly #loss: "cross-entropy" | "dlr";
  readonly #eotIterations: number;
  readonly #sum: Rows | undefined;

  constructor(
    search: Search,
    climb: Climb,
    { loss, eotIterations }: { readonly loss: "cross-entropy" | "dlr"; readonly eotIterations: number },
  ) {
    this.#search = search;
    this.#climb = climb;
    this.#loss = loss;
    this.#eotIterations = eotIterations;
    this.#sum = eotIterations > 1 ? search.floats() : undefined;
  }

  /** `start` tells the random starts of one attempt apart. */
  async *run(phases: readonly Phase[], start: number, targets?: Rows<Int32Array>): AsyncGenerator<Step, void> {
    const { x, origin, width, model } = this.#search;
    const steps = phases.reduce((sum, phase) => sum + phase.steps, 0);
    let done = 0;
    for (const [index, { threat, steps: length }] of phases.entries()) {
      const isLast = index === phases.length - 1;
      if (index === 0) this.#search.randomStart({ onSurface: true, step: start, threat });
      else x.values.set(this.#climb.best.values);
      if (index > 0) threat.project(x.values, origin.values, width, model.bounds);
      await this.#differentiate(isLast, targets);
      this.#climb.begin({ threat, steps: length, isContinued: phases.length > 1 });
      for (let step = 1; step <= length; step++) {
        this.#climb.move(step);
        done++;
        if (done === steps) break;
        await this.#differentiate(isLast, targets);
        this.#climb.compare();
        this.#climb.review(step);
        yield { step: done, steps };
      }
    }
    await this.#search.evaluate();
    yield { step: steps, steps };
  }

  /** The mean gradient of so many evaluations; loss and verdict are, as with the authors, those of the last. */
  async #differentiate(record: boolean, targets: Rows<Int32Array> | undefined): Promise<void> {
    const { gradient } = this.#search;
    const turns = this.#eotIterations;
    this.#sum?.values.fill(0);
    for (let turn = 1; turn <= turns; turn++) {
      const options = { record: record && turn === turns, ...(targets && { targets }) };
      await this.#search.differentiate(this.#loss, options);
      if (!this.#sum) continue;
      const sum = this.#sum.values;
      const slopes = gradient.values;
      for (let i = 0; i < sum.length; i++) sum[i]! += slopes[i]! / turns;
    }
    if (this.#sum) gradient.values.set(this.#sum.values);
  }
}
