import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import {
  type Classifier,
  type GradientClassifier,
  type Loss,
  type LossFeeds,
  UnansweredRows,
} from "../models/classifier.ts";

/** When to stop early. What is not finished by then is reported as failed, never as robust. */
export interface Budget {
  readonly seconds?: number;
  /** Forward passes of single samples, all together. */
  readonly queries?: number;
}

/** Thrown when the budget is used up; the runner turns it into the status of the samples it leaves unfinished. */
export class BudgetExhausted extends Error {}

export interface EvaluatorOptions {
  readonly batchSize: number;
  readonly budget: Budget;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds, rising. */
  readonly now: () => number;
}

/** Why single rows could not be evaluated, by row. */
export type Failures = ReadonlyMap<number, string>;

/** Where lossGradient puts its results; each holds as many rows as are evaluated. */
export interface GradientTargets {
  readonly logits: Float32Array;
  readonly loss: Float64Array;
  readonly gradient: Float32Array;
}

/** What one evaluation of a sample costs. */
export interface Passes {
  readonly forward: number;
  readonly backward: number;
}

/**
 * Feeds rows to a model in batches, counts passes and keeps to the budget. A batch that fails is halved until the guilty rows
 * are found, unless the model names them itself.
 */
export class Evaluator {
  readonly model: Classifier;
  /** Passes of a sample for one gradient. */
  readonly gradientCost: Passes;
  forward = 0;
  backward = 0;
  readonly #options: EvaluatorOptions;
  readonly #width: number;
  readonly #deadline: number;

  constructor(model: Classifier, options: EvaluatorOptions) {
    this.model = model;
    const { queriesPerGradient } = model as Partial<GradientClassifier>;
    this.gradientCost =
      queriesPerGradient === undefined ? { forward: 1, backward: 1 } : { forward: queriesPerGradient, backward: 0 };
    this.#options = options;
    this.#width = sizeOf(model.inputShape);
    this.#deadline = options.now() + (options.budget.seconds ?? Infinity) * 1000;
  }

  /** Fills `logits` with the scores of the rows of `x`. */
  async logits(x: Float32Array, logits: Float32Array, { mayOverdraw = false } = {}): Promise<Failures> {
    const { classes } = this.model;
    const cost = { forward: 1, backward: 0 };
    return this.#inBatches(x.length / this.#width, cost, mayOverdraw, async (start, end) => {
      const { scores, reasons } = await answered(() => this.model.logits(this.#batch(x, start, end)));
      logits.set(checked(scores, end - start, classes), start * classes);
      return reasons;
    });
  }

  /** Fills `targets` with logits, losses and gradients of the rows of `x`. */
  async lossGradient(
    x: Float32Array,
    labels: Int32Array,
    loss: Loss,
    { targets: classes, weights, gradientOnly }: LossFeeds,
    targets: GradientTargets,
  ): Promise<Failures> {
    const model = this.model as GradientClassifier;
    return this.#inBatches(x.length / this.#width, this.gradientCost, false, async (start, end) => {
      const batch = this.#batch(x, start, end);
      const result = await model.lossGradient(batch, labels.subarray(start, end), loss, {
        ...(classes && { targets: classes.subarray(start, end) }),
        ...(weights && { weights: weights.subarray(start * model.classes, end * model.classes) }),
        ...(gradientOnly && { gradientOnly }),
      });
      targets.logits.set(checked(result.logits, end - start, model.classes), start * model.classes);
      targets.loss.set(result.loss, start);
      targets.gradient.set(checked(result.gradient, end - start, this.#width), start * this.#width);
      return NONE;
    });
  }

  /** For work that asks the model nothing for long: lets other events in, and ends it when the signal or the time says so. */
  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#refuseWhenEnded(false);
  }

  /** Runs batch after batch; `run` gives the rows of its batch that have no answer. */
  async #inBatches(
    rows: number,
    cost: Passes,
    mayOverdraw: boolean,
    run: (start: number, end: number) => Promise<Failures>,
  ): Promise<Failures> {
    const { budget, batchSize } = this.#options;
    if (!mayOverdraw && this.forward + rows * cost.forward > (budget.queries ?? Infinity)) {
      throw new BudgetExhausted(`the budget of ${budget.queries} queries was used up`);
    }
    const failures = new Map<number, string>();
    const attempt = async (start: number, end: number): Promise<void> => {
      try {
        const unanswered = await run(start, end);
        for (const [row, reason] of unanswered) failures.set(start + row, reason);
        const answers = end - start - unanswered.size;
        this.forward += cost.forward * answers;
        this.backward += cost.backward * answers;
      } catch (error) {
        if (error instanceof AttackError) throw error;
        if (end - start === 1) {
          failures.set(start, error instanceof Error ? error.message : String(error));
          return;
        }
        const middle = (start + end) >> 1;
        await attempt(start, middle);
        await attempt(middle, end);
      }
    };
    for (let start = 0; start < rows; start += batchSize) {
      this.#refuseWhenEnded(mayOverdraw);
      await attempt(start, Math.min(rows, start + batchSize));
    }
    return failures;
  }

  #refuseWhenEnded(mayOverdraw: boolean): void {
    const { budget, signal, now } = this.#options;
    signal?.throwIfAborted();
    if (!mayOverdraw && now() > this.#deadline) {
      throw new BudgetExhausted(`the budget of ${budget.seconds} seconds was used up`);
    }
  }

  #batch(x: Float32Array, start: number, end: number): Tensor {
    return tensor([end - start, ...this.model.inputShape], x.subarray(start * this.#width, end * this.#width));
  }
}

const NONE: Failures = new Map();

async function answered(ask: () => Promise<Tensor>): Promise<{ scores: Tensor; reasons: Failures }> {
  try {
    return { scores: await ask(), reasons: NONE };
  } catch (error) {
    if (!(error instanceof UnansweredRows)) throw error;
    return { scores: error.logits, reasons: error.reasons };
  }
}

function checked({ shape, data }: Tensor, rows: number, width: number): Float32Array {
  if (data.length === rows * width) return data;
  throw new AttackError("SHAPE_MISMATCH", `model: expected ${rows} rows of ${width} numbers, got [${shape}]`);
}
