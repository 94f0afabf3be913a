import type { Draw } from "@casemate/tensor";
import { type Goal, isBroken, judge, NOT_A_NUMBER } from "../criterion.ts";
import type { Classifier } from "../models/classifier.ts";
import { type BaseLoss, lossFor } from "../models/losses.ts";
import type { Threat } from "../threats/threat.ts";
import { ActiveRows, type Rows } from "./active-rows.ts";
import type { Evaluator, Failures } from "./evaluator.ts";
import type { SampleRecord } from "./sample-record.ts";

export interface SearchOptions {
  /** The samples to attack. */
  readonly records: readonly SampleRecord[];
  readonly threat: Threat;
  readonly evaluator: Evaluator;
  readonly seed: number;
  /** Keeps the draws of different attacks apart. */
  readonly stream: number;
  readonly restart: number;
  /** Whether samples leave as soon as they are broken. */
  readonly activeSet: boolean;
  /** For attacks that aim at the nearest: a sample is broken once it is this close. */
  readonly closeEnough: number;
  /** Other clean inputs with their classes, as starting points for decision attacks. */
  readonly references: References;
}

export interface References {
  readonly inputs: readonly Float32Array[];
  readonly predictions: ArrayLike<number>;
}

/**
 * One attempt of an attack on a block of samples: where each one is, where it came from, and the model's answers. A
 * sample that is broken leaves, and every buffer closes its ranks.
 */
export class Search {
  readonly model: Classifier;
  readonly threat: Threat;
  readonly width: number;
  readonly restart: number;
  readonly references: References;
  /** The clean inputs. */
  readonly origin: Rows;
  /** Where the search is; the clean inputs at first. */
  readonly x: Rows;
  readonly gradient: Rows;
  readonly loss: Rows<Float64Array>;
  /** Of the last evaluation: above 0 the sample stands. */
  readonly margin: Rows<Float64Array>;
  readonly labels: Rows<Int32Array>;
  readonly #targets: Rows<Int32Array> | undefined;
  readonly #active: ActiveRows;
  readonly #records: SampleRecord[];
  readonly #logits: Rows;
  readonly #options: SearchOptions;

  constructor(options: SearchOptions) {
    const { records, threat, evaluator, restart, references } = options;
    this.#options = options;
    this.#records = [...records];
    this.#active = new ActiveRows(records.length);
    this.model = evaluator.model;
    this.threat = threat;
    this.width = records[0]!.input.length;
    this.restart = restart;
    this.references = references;
    this.origin = this.#active.floats(this.width);
    this.x = this.#active.floats(this.width);
    for (const [row, { input }] of records.entries()) {
      this.origin.row(row).set(input);
      this.x.row(row).set(input);
    }
    this.gradient = this.#active.floats(this.width);
    this.loss = this.#active.doubles();
    this.margin = this.#active.doubles();
    this.labels = this.#active.integers();
    this.labels.values.set(records.map((record) => record.label));
    this.#logits = this.#active.floats(this.model.classes);
    if (records[0]?.target !== undefined) {
      this.#targets = this.#active.integers();
      this.#targets.values.set(records.map((record) => record.target!));
    }
  }

  /** How many samples are still under attack. */
  get active(): number {
    return this.#active.count;
  }

  /** A buffer with a row of `width` for each sample, which follows the samples as others leave. */
  floats(width: number = this.width): Rows {
    return this.#active.floats(width);
  }

  /** A number for each sample. */
  doubles(): Rows<Float64Array> {
    return this.#active.doubles();
  }

  /** What the random numbers of a row at a step are keyed by; `purpose` keeps several uses in one step apart. */
  draw(row: number, step: number, purpose = 0): Draw {
    const { seed, stream, restart } = this.#options;
    return {
      seed,
      stream: (stream + purpose) >>> 0,
      sample: this.#records[row]!.sample,
      step: restart * STEPS_PER_RESTART + step,
    };
  }

  /** Takes the features of `point` that the threat's mask does not let change back to where they were in row `row`. */
  pin(row: number, point: Float32Array): void {
    const { mask } = this.threat;
    if (!mask) return;
    const origin = this.origin.row(row);
    for (let j = 0; j < point.length; j++) if (!mask[j]) point[j] = origin[j]!;
  }

  /** Moves every row to a random point of the ball. */
  randomStart({ onSurface = false } = {}): void {
    const { bounds } = this.model;
    const draw = (row: number) => this.draw(row, 0);
    this.threat.randomStart(this.x.values, this.origin.values, this.width, bounds, { draw, onSurface });
  }

  /**
   * Evaluates the loss and its gradient at `x`. Where `x` is adversarial already it is kept and the sample leaves, unless
   * `record` is off because only the last iterate counts.
   */
  async differentiate(loss: BaseLoss, { record = true } = {}): Promise<void> {
    const failures = await this.#options.evaluator.lossGradient(
      this.x.values,
      this.labels.values,
      lossFor(loss, this.model.classes, this.#targets !== undefined),
      this.#targets?.values,
      { logits: this.#logits.values, loss: this.loss.values, gradient: this.gradient.values },
    );
    this.#count(failures, 1);
    const broken = new Map(failures);
    for (let row = 0; row < this.active; row++) {
      if (!broken.has(row) && !this.#noteGradient(row)) broken.set(row, "the gradient is not finite");
    }
    this.#settle(this.x, broken, record);
  }

  /** Evaluates the model at `at`. Where that is adversarial it is kept and the sample leaves. */
  async evaluate(at: Rows = this.x): Promise<void> {
    const failures = await this.#options.evaluator.logits(at.values, this.#logits.values);
    this.#count(failures, 0);
    this.#settle(at, failures, true);
  }

  /**
   * Asks for decisions at points that need not be one per sample: `points` holds rows, `owners` the row of the sample each
   * belongs to. 1 where it is adversarial. Records nothing; a point that cannot be evaluated counts as not adversarial and
   * fails its sample at the next evaluation.
   */
  async decide(points: Float32Array, owners: ArrayLike<number>): Promise<Uint8Array> {
    const { classes } = this.model;
    const logits = new Float32Array(owners.length * classes);
    const failures = await this.#options.evaluator.logits(points, logits);
    const decisions = new Uint8Array(owners.length);
    for (let i = 0; i < owners.length; i++) {
      const record = this.#records[owners[i]!]!;
      const message = failures.get(i);
      if (message !== undefined) {
        record.failure ??= message;
        continue;
      }
      record.forward++;
      const { prediction } = judge(logits, i, classes, record);
      if (prediction < 0) record.failure ??= NOT_A_NUMBER;
      else decisions[i] = isBroken(record, prediction) ? 1 : 0;
    }
    return decisions;
  }

  /**
   * Keeps row `row` of `at` as adversarial, if it is nearer than what was found before; for attacks that aim at the
   * nearest. Samples that have come close enough or have failed leave at the next `dismiss`.
   */
  keepNearest(row: number, at: Rows): number {
    const record = this.#records[row]!;
    const distance = this.threat.distance(at.row(row), this.origin.row(row), this.width)[0]!;
    if (record.candidate === undefined || distance < record.candidateDistance) {
      record.candidate = at.row(row).slice();
      record.candidateDistance = distance;
    }
    return distance;
  }

  /** Sends samples away: those that failed, are close enough, or that `leaves` names. */
  dismiss(leaves: (row: number) => string | boolean = () => false): void {
    const { activeSet, closeEnough } = this.#options;
    this.#drop((row) => {
      const record = this.#records[row]!;
      const reason = leaves(row);
      if (typeof reason === "string") record.failure ??= reason;
      if (record.failure !== undefined || reason !== false) return true;
      return activeSet && record.candidate !== undefined && record.candidateDistance <= closeEnough;
    });
  }

  /** What a row is to become. */
  goal(row: number): Goal {
    return this.#records[row]!;
  }

  #noteGradient(row: number): boolean {
    const slopes = this.gradient.values;
    let sum = 0; // of squares: 0 if all are, and not finite if any is not
    for (let i = row * this.width, end = i + this.width; i < end; i++) sum += slopes[i]! * slopes[i]!;
    this.#records[row]!.hasZeroGradient ??= sum === 0;
    return Number.isFinite(sum);
  }

  #count(failures: Failures, backwardPasses: 0 | 1): void {
    for (let row = 0; row < this.active; row++) {
      if (failures.has(row)) continue;
      this.#records[row]!.forward++;
      this.#records[row]!.backward += backwardPasses;
    }
  }

  /** Reads the logits of the last evaluation at `at`: notes margins, keeps what is adversarial, lets those samples leave. */
  #settle(at: Rows, failures: Failures, record: boolean): void {
    const leaving = new Set<number>();
    for (let row = 0; row < this.active; row++) {
      const sample = this.#records[row]!;
      const verdict = judge(this.#logits.values, row, this.model.classes, sample);
      this.margin.values[row] = verdict.margin;
      if (failures.has(row)) sample.failure = failures.get(row)!;
      else if (verdict.prediction < 0) sample.failure = NOT_A_NUMBER;
      if (sample.failure !== undefined) {
        leaving.add(row);
        continue;
      }
      if (!record) continue;
      sample.margin = Math.min(sample.margin, verdict.margin);
      if (!isBroken(sample, verdict.prediction)) continue;
      sample.candidate ??= at.row(row).slice();
      if (this.#options.activeSet) leaving.add(row);
    }
    if (leaving.size > 0) this.#drop((row) => leaving.has(row));
  }

  #drop(leaves: (row: number) => boolean): void {
    const stays: boolean[] = [];
    for (let row = 0; row < this.active; row++) stays.push(!leaves(row));
    this.#active.keep((row) => stays[row]!);
    const kept = this.#records.filter((_, row) => stays[row]);
    this.#records.splice(0, this.#records.length, ...kept);
  }
}

const STEPS_PER_RESTART = 2 ** 20;
