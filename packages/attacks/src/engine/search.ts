import type { Draw } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { type Goal, isBroken, judge, NOT_A_NUMBER } from "../criterion.ts";
import type { Classifier, Loss, LossFeeds } from "../models/classifier.ts";
import { type BaseLoss, lossFor } from "../models/losses.ts";
import type { Threat } from "../threats/threat.ts";
import { ActiveRows, type Rows } from "./active-rows.ts";
import type { Evaluator, Failures, GradientTargets, Passes } from "./evaluator.ts";
import type { SampleRecord } from "./sample-record.ts";

export interface SearchOptions {
  /** The samples to attack. */
  readonly records: readonly SampleRecord[];
  readonly threat: Threat;
  /** "nearest" keeps the nearest adversarial point, any other aim the first. */
  readonly aim: Attack["aim"];
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
  /** 1 where the last evaluation was adversarial. */
  readonly adversarial: Rows<Int32Array>;
  /** Of the last evaluation. */
  readonly logits: Rows;
  readonly labels: Rows<Int32Array>;
  readonly #targets: Rows<Int32Array> | undefined;
  readonly #active: ActiveRows;
  readonly #records: SampleRecord[];
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
    this.adversarial = this.#active.integers();
    this.logits = this.#active.floats(this.model.classes);
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

  /** A whole number for each sample. */
  integers(): Rows<Int32Array> {
    return this.#active.integers();
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

  /** Moves every row to a random point of the ball; `step` tells several starts of one attempt apart. */
  randomStart({ onSurface = false, step = 0, threat = this.threat }: StartOptions = {}): void {
    const { bounds } = this.model;
    const draw = (row: number) => this.draw(row, step);
    threat.randomStart(this.x.values, this.origin.values, this.width, bounds, { draw, onSurface });
  }

  /**
   * Evaluates the loss and its gradient at `x`. Where `x` is adversarial already it is kept, unless `record` is off because
   * only the last iterate counts, and samples that are decided leave. Given `targets`, a class for each sample, the loss takes
   * its targeted form even if the criterion names none.
   */
  async differentiate(
    loss: BaseLoss | "difference" | "divergence" | "weighted",
    { record = true, targets = this.#targets, weights }: DifferentiateOptions = {},
  ): Promise<void> {
    const points = this.#possible(this.x.values);
    const failures = await this.#options.evaluator.lossGradient(
      points,
      this.labels.values,
      lossFor(loss, this.model.classes, targets !== undefined),
      { ...(targets && { targets: targets.values }), ...(weights && { weights: weights.values }) },
      { logits: this.logits.values, loss: this.loss.values, gradient: this.gradient.values },
    );
    this.#count(failures, this.#options.evaluator.gradientCost);
    const broken = new Map(failures);
    for (let row = 0; row < this.active; row++) {
      if (!broken.has(row) && !this.#noteGradient(row)) broken.set(row, "the gradient is not finite");
    }
    this.#settle(points, broken, record);
  }

  /** Evaluates the model at `at`. Where that is adversarial it is kept, and samples that are decided leave. */
  async evaluate(at: Rows = this.x): Promise<void> {
    const points = this.#possible(at.values);
    const failures = await this.#options.evaluator.logits(points, this.logits.values);
    this.#count(failures, FORWARD);
    this.#settle(points, failures, true);
  }

  /**
   * Scores points that need not be one per sample: `points` holds rows, `owners` the row of the sample each belongs to. Keeps
   * nothing: `keep` does. A point that cannot be evaluated counts as not adversarial and fails its sample at the next `dismiss`
   * or evaluation.
   */
  async scoreAt(points: Float32Array, owners: ArrayLike<number>): Promise<Scores> {
    const logits = new Float32Array(owners.length * this.model.classes);
    const failures = await this.#options.evaluator.logits(this.#possible(points, owners), logits);
    return { logits, ...this.#judgeAt(logits, owners, failures, FORWARD) };
  }

  /** Asks for decisions only: 1 where a point is adversarial. Otherwise as `scoreAt`. */
  async decide(points: Float32Array, owners: ArrayLike<number>): Promise<Uint8Array> {
    return (await this.scoreAt(points, owners)).adversarial;
  }

  /** The loss and its gradient at points that need not be one per sample; `feeds` hold a row for each point. Otherwise as `scoreAt`. */
  async differentiateAt(
    points: Float32Array,
    owners: ArrayLike<number>,
    loss: Loss,
    feeds: LossFeeds = {},
  ): Promise<Scores & GradientTargets> {
    const logits = new Float32Array(owners.length * this.model.classes);
    const targets = { logits, loss: new Float64Array(owners.length), gradient: new Float32Array(points.length) };
    const labels = Int32Array.from(owners, (row) => this.labels.values[row]!);
    const at = this.#possible(points, owners);
    const failures = await this.#options.evaluator.lossGradient(at, labels, loss, feeds, targets);
    return { ...targets, ...this.#judgeAt(logits, owners, failures, this.#options.evaluator.gradientCost) };
  }

  /**
   * Keeps an adversarial point of the sample in row `row`: the nearest, for attacks that aim at that, or else the first.
   * Returns its distance. Samples that are decided leave at the next `dismiss`.
   */
  keep(row: number, point: Float32Array): number {
    const record = this.#records[row]!;
    const origin = this.origin.row(row);
    const possible = point.slice();
    this.threat.constraints?.repair(possible, origin, this.#ball);
    const distance = this.threat.distance(possible, origin, this.width)[0]!;
    const isFirst = record.candidate === undefined;
    if (isFirst || (this.#options.aim === "nearest" && distance < record.candidateDistance)) {
      record.candidate = possible;
      record.candidateDistance = distance;
    }
    return distance;
  }

  /** The nearest adversarial point that was kept of the sample in row `row`, and how far it is. */
  kept(row: number): { readonly point: Float32Array; readonly distance: number } | undefined {
    const { candidate, candidateDistance } = this.#records[row]!;
    return candidate && { point: candidate, distance: candidateDistance };
  }

  /** Sends samples away: those that failed, are decided, or that `leaves` names (with a reason: as failed). */
  dismiss(leaves: (row: number) => string | boolean = () => false): void {
    this.#drop((row) => {
      const record = this.#records[row]!;
      const reason = leaves(row);
      if (typeof reason === "string") record.failure ??= reason;
      return record.failure !== undefined || reason !== false || this.#isDecided(record);
    });
  }

  /** Lets other events in, and ends the attempt when the run is stopped or out of time: for attacks that compute for long between queries. */
  pause(): Promise<void> {
    return this.#options.evaluator.pause();
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

  #count(failures: Failures, { forward, backward }: Passes): void {
    for (let row = 0; row < this.active; row++) {
      if (failures.has(row)) continue;
      this.#records[row]!.forward += forward;
      this.#records[row]!.backward += backward;
    }
  }

  /** Reads the logits of the last evaluation: notes margins, keeps what is adversarial, lets samples that are decided leave. */
  #settle(points: Float32Array, failures: Failures, record: boolean): void {
    const leaving = new Set<number>();
    for (let row = 0; row < this.active; row++) {
      const sample = this.#records[row]!;
      const verdict = judge(this.logits.values, row, this.model.classes, sample);
      const isAdversarial = verdict.prediction >= 0 && isBroken(sample, verdict.prediction);
      this.margin.values[row] = verdict.margin;
      this.adversarial.values[row] = isAdversarial ? 1 : 0;
      if (failures.has(row)) sample.failure = failures.get(row)!;
      else if (verdict.prediction < 0) sample.failure = NOT_A_NUMBER;
      if (sample.failure !== undefined) {
        leaving.add(row);
        continue;
      }
      if (!record) continue;
      sample.margin = Math.min(sample.margin, verdict.margin);
      if (!isAdversarial) continue;
      this.#note(sample, row, points);
      if (this.#isDecided(sample)) leaving.add(row);
    }
    if (leaving.size > 0) this.#drop((row) => leaving.has(row));
  }

  /** Keeps row `row` of `points`, which are possible already. */
  #note(sample: SampleRecord, row: number, points: Float32Array): void {
    const point = points.subarray(row * this.width, (row + 1) * this.width);
    if (this.#options.aim !== "nearest") {
      sample.candidate ??= point.slice();
      return;
    }
    const distance = this.threat.distance(point, this.origin.row(row), this.width)[0]!;
    if (sample.candidate && distance >= sample.candidateDistance) return;
    sample.candidate = point.slice();
    sample.candidateDistance = distance;
  }

  /** Whether there is nothing more to find: broken, and near enough for an attack that aims at the nearest. */
  #isDecided({ candidate, candidateDistance }: SampleRecord): boolean {
    const { activeSet, aim, closeEnough } = this.#options;
    return activeSet && candidate !== undefined && (aim !== "nearest" || candidateDistance <= closeEnough);
  }

  /** What a repair must not leave; an attack that aims at the nearest may be anywhere. */
  get #ball(): Threat | undefined {
    return this.#options.aim === "inside" ? this.threat : undefined;
  }

  /** The points themselves or, where the threat has constraints, copies that meet them. */
  #possible(points: Float32Array, owners?: ArrayLike<number>): Float32Array {
    const { constraints } = this.threat;
    if (!constraints) return points;
    const possible = points.slice();
    for (let i = 0, start = 0; start < points.length; i++, start += this.width) {
      const origin = this.origin.row(owners ? owners[i]! : i);
      constraints.repair(possible.subarray(start, start + this.width), origin, this.#ball);
    }
    return possible;
  }

  #judgeAt(
    logits: Float32Array,
    owners: ArrayLike<number>,
    failures: Failures,
    { forward, backward }: Passes,
  ): Pick<Scores, "margins" | "adversarial"> {
    const margins = new Float64Array(owners.length).fill(Infinity);
    const adversarial = new Uint8Array(owners.length);
    for (let i = 0; i < owners.length; i++) {
      const record = this.#records[owners[i]!]!;
      const message = failures.get(i);
      if (message !== undefined) {
        record.failure ??= message;
        continue;
      }
      record.forward += forward;
      record.backward += backward;
      const { prediction, margin } = judge(logits, i, this.model.classes, record);
      if (prediction < 0) {
        record.failure ??= NOT_A_NUMBER;
        continue;
      }
      margins[i] = margin;
      adversarial[i] = isBroken(record, prediction) ? 1 : 0;
    }
    return { margins, adversarial };
  }

  #drop(leaves: (row: number) => boolean): void {
    const stays: boolean[] = [];
    for (let row = 0; row < this.active; row++) stays.push(!leaves(row));
    this.#active.keep((row) => stays[row]!);
    const kept = this.#records.filter((_, row) => stays[row]);
    this.#records.splice(0, this.#records.length, ...kept);
  }
}

interface StartOptions {
  readonly onSurface?: boolean;
  readonly step?: number;
  /** A ball other than that of the search. */
  readonly threat?: Threat;
}

interface DifferentiateOptions {
  readonly record?: boolean;
  readonly targets?: Rows<Int32Array> | undefined;
  /** Rows of a number per class, for "divergence" and "weighted". */
  readonly weights?: Rows;
}

/** The model's answers at points that belong to samples. */
export interface Scores {
  /** [points, classes] */
  readonly logits: Float32Array;
  /** Above 0 the point stands; infinite where it could not be evaluated. */
  readonly margins: Float64Array;
  /** 1 where the point is adversarial. */
  readonly adversarial: Uint8Array;
}

const FORWARD: Passes = { forward: 1, backward: 0 };

const STEPS_PER_RESTART = 2 ** 20;
