import type { Draw } from "@casemate/tensor";
import type { Goal } from "../criterion.ts";
import type { Loss } from "../models/classifier.ts";
import type { Search } from "./search.ts";

/** What the solver of one sample works with. */
export interface Sample {
  /** The clean input. */
  readonly origin: Float32Array;
  /** Where the search was when the solver began. */
  readonly start: Float32Array;
  readonly goal: Goal;
  draw(step: number, purpose?: number): Draw;
  /** Takes the features of `point` that the mask does not let change back to where they were. */
  pin(point: Float32Array): void;
  /** Keeps an adversarial point, if it is the nearest, and says how far it is. */
  keep(point: Float32Array): number;
}

/** Points that a solver asks about; they are written when their turn in a batch comes, so that no solver has to store them. */
export interface Question {
  readonly count: number;
  write(points: Float32Array): void;
}

/** The same with what some losses take besides the label: a class for each point, or a number for each of its logits. */
export interface GradientQuestion extends Question {
  readonly targets?: ArrayLike<number>;
  readonly weights?: ArrayLike<number>;
}

/** What the model says of the points of one question. Not to be used after the next question. */
export interface Answer {
  readonly points: Float32Array;
  /** 1 where a point is adversarial. */
  readonly adversarial: Uint8Array;
  /** [points, classes] */
  readonly logits: Float32Array;
}

export interface GradientAnswer extends Answer {
  readonly loss: Float64Array;
  readonly gradient: Float32Array;
}

/** An algorithm for one sample, which asks as it goes. Returns why it failed, if it did. */
export type Solver<Q extends Question, A> = Generator<Q, string | undefined, A>;

/**
 * Runs an algorithm on each sample, all in step: what they ask goes to the model in common batches. Samples leave as their
 * solver returns. Yields the number of rounds.
 */
export function decideInLockstep(
  search: Search,
  solve: (sample: Sample) => Solver<Question, Answer>,
): AsyncGenerator<number, void> {
  const { classes } = search.model;
  return inLockstep(search, solve, async (_, points, owners) => {
    const { adversarial, logits } = await search.scoreAt(points, owners);
    return (first, end) => ({
      adversarial: adversarial.subarray(first, end),
      logits: logits.subarray(first * classes, end * classes),
    });
  });
}

/** The same with gradients of a loss. */
export function differentiateInLockstep(
  search: Search,
  loss: Loss,
  solve: (sample: Sample) => Solver<GradientQuestion, GradientAnswer>,
): AsyncGenerator<number, void> {
  const { width, model } = search;
  return inLockstep(search, solve, async (questions, points, owners) => {
    const targets = questions[0]?.targets && Int32Array.from(questions.flatMap((each) => Array.from(each.targets!)));
    const weights = questions[0]?.weights && Float32Array.from(questions.flatMap((each) => Array.from(each.weights!)));
    const feeds = { ...(targets && { targets }), ...(weights && { weights }) };
    const result = await search.differentiateAt(points, owners, loss, feeds);
    return (first, end) => ({
      adversarial: result.adversarial.subarray(first, end),
      logits: result.logits.subarray(first * model.classes, end * model.classes),
      loss: result.loss.subarray(first, end),
      gradient: result.gradient.subarray(first * width, end * width),
    });
  });
}

type Ask<Q, A> = (
  questions: readonly Q[],
  points: Float32Array,
  owners: Int32Array,
) => Promise<(first: number, end: number) => Omit<A, "points">>;

async function* inLockstep<Q extends Question, A extends Answer>(
  search: Search,
  solve: (sample: Sample) => Solver<Q, A>,
  ask: Ask<Q, A>,
): AsyncGenerator<number, void> {
  const { width } = search;
  const index = search.integers();
  const runs: Run<Q, A>[] = [];
  for (let row = 0; row < search.active; row++) {
    index.values[row] = row;
    runs.push(new Run(search, row, solve));
  }
  const runAt = (row: number): Run<Q, A> => runs[index.values[row]!]!;
  const leave = () => search.dismiss((row) => runAt(row).outcome);
  leave();
  for (let round = 1; search.active > 0; round++) {
    const most = Math.max(1, Math.floor(BATCH_BYTES / (4 * width)));
    for (let row = 0; row < search.active; ) {
      const group: Run<Q, A>[] = [];
      let count = 0;
      for (; row < search.active && (count === 0 || count + runAt(row).question.count <= most); row++) {
        const run = runAt(row);
        run.row = row;
        group.push(run);
        count += run.question.count;
      }
      const points = new Float32Array(count * width);
      const owners = new Int32Array(count);
      let first = 0;
      for (const run of group) {
        const end = first + run.question.count;
        run.question.write(points.subarray(first * width, end * width));
        owners.fill(run.row, first, end);
        first = end;
      }
      const questions = group.map(({ question }) => question);
      const answer = await ask(questions, points, owners);
      first = 0;
      for (const run of group) {
        const end = first + run.question.count;
        run.resume({ ...answer(first, end), points: points.subarray(first * width, end * width) } as A);
        first = end;
      }
    }
    yield round;
    leave();
  }
}

/** One solver at work: what it asks next, or how it ended. */
class Run<Q extends Question, A> {
  row: number;
  question!: Q;
  /** False while it runs; then why it failed, or true. */
  outcome: string | boolean = false;
  readonly #solver: Solver<Q, A>;

  constructor(search: Search, row: number, solve: (sample: Sample) => Solver<Q, A>) {
    this.row = row;
    this.#solver = solve({
      origin: search.origin.row(row).slice(),
      start: search.x.row(row).slice(),
      goal: search.goal(row),
      draw: (step, purpose) => search.draw(this.row, step, purpose),
      pin: (point) => search.pin(this.row, point),
      keep: (point) => search.keep(this.row, point),
    });
    this.#take(this.#solver.next());
  }

  resume(answer: A): void {
    this.#take(this.#solver.next(answer));
  }

  #take({ done, value }: IteratorResult<Q, string | undefined>): void {
    if (done) this.outcome = value ?? true;
    else this.question = value;
  }
}

/** A question about one point. */
export function at(point: Float32Array): Question {
  return { count: 1, write: (points) => points.set(point) };
}

/** What the points of one call may take. */
const BATCH_BYTES = 16 * 2 ** 20;
