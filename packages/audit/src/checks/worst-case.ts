import { AuditError } from "../errors.ts";
import type { AttackReport, Norm } from "../report.ts";
import type { Check, CheckContext, CheckProgress, FinishedCheck, Measurement, SampleStatus } from "./check.ts";
import { distributionOf } from "./distances.ts";
import { pointAt, proportion } from "./proportion.ts";
import { evasion } from "./taxonomy.ts";

export interface WorstCaseOptions {
  readonly norm: Norm;
  /** Radii from the smallest; the verdict is about the last. */
  readonly epsilons: readonly number[];
  /** The attacks that it is about: all within the ball of the last radius. */
  readonly attacks: readonly string[];
}

/** The row that takes the finished attacks together: a sample stands only if none of them broke it. */
export function worstCaseCheck(options: WorstCaseOptions): Check {
  return {
    id: "worst-case",
    title: "All attacks together",
    kind: "attack",
    citation: { text: "Croce & Hein, 2020 (AutoAttack)", url: "https://arxiv.org/abs/2003.01690" },
    taxonomy: evasion.gradient,
    parameters: { norm: options.norm, epsilon: options.epsilons.at(-1)!, attacks: options.attacks.join(", ") },
    cost: 0,
    run: (context) => run(context, options),
  };
}

async function* run(
  { earlier }: CheckContext,
  { norm, epsilons, attacks }: WorstCaseOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const outcomes = worstOutcomes([...earlier.values()], attacks);
  if (outcomes.size === 0) throw new AuditError("CHECK_FAILED", "no attack ran to its end");
  const rows = [...outcomes.entries()].sort(([a], [b]) => a - b);
  const total = rows.length;
  const count = { broken: 0, robust: 0, wrong: 0, failed: 0 };
  for (const [, { status }] of rows) count[status]++;
  const broken = rows.flatMap(([, { status, distance }]) => (status === "broken" ? [distance!] : []));
  const distances = distributionOf(broken);
  const within = (epsilon: number) => broken.filter((distance) => distance <= epsilon * (1 + TOLERANCE)).length;
  const inside = epsilons
    .slice(0, -1)
    .map((epsilon) => pointAt(epsilon, count.robust + count.broken - within(epsilon), total));
  const attack: AttackReport = {
    access: "gradient",
    norm,
    epsilon: epsilons.at(-1)!,
    ...count,
    curve: [pointAt(0, total - count.wrong, total), ...inside, pointAt(epsilons.at(-1)!, count.robust, total)],
    ...(distances && { distances }),
    borderline: Math.max(...attacks.map((id) => earlier.get(id)?.result.attack?.borderline ?? 0)),
  };
  return {
    queries: { forward: 0, backward: 0 },
    metrics: [
      proportion("accuracy.robust", count.robust, total),
      proportion("attack.success", count.broken, total - count.wrong),
      ...(distances ? [{ name: "distance.median", value: distances.quantiles[3]!, unit: "distance" } as const] : []),
    ],
    attack,
    samples: {
      index: rows.map(([index]) => index),
      status: rows.map(([, { status }]) => status),
      prediction: rows.map(([, { prediction }]) => prediction),
      distance: rows.map(([, { distance }]) => distance ?? null),
    },
  };
}

const TOLERANCE = 1e-6; // a perturbation on the surface of the ball is inside, whatever float32 makes of its radius

interface Outcome {
  readonly status: SampleStatus;
  readonly prediction: number;
  readonly distance: number | undefined;
}

/** Per sample of the data set, the worst that any of the named checks found; of equals the smallest perturbation. */
export function worstOutcomes(
  checks: readonly FinishedCheck[],
  attacks: readonly string[],
): ReadonlyMap<number, Outcome> {
  const worst = new Map<number, Outcome>();
  for (const { result, samples } of checks) {
    if (!samples || !attacks.includes(result.id)) continue;
    for (const [row, index] of samples.index.entries()) {
      const outcome: Outcome = {
        status: samples.status[row]!,
        prediction: samples.prediction[row]!,
        distance: samples.distance[row] ?? undefined,
      };
      const before = worst.get(index);
      if (!before || isWorse(outcome, before)) worst.set(index, outcome);
    }
  }
  return worst;
}

const ORDER: Record<SampleStatus, number> = { wrong: 0, broken: 1, robust: 2, failed: 3 };

function isWorse(a: Outcome, b: Outcome): boolean {
  if (a.status !== b.status) return ORDER[a.status] < ORDER[b.status];
  return (a.distance ?? Number.POSITIVE_INFINITY) < (b.distance ?? Number.POSITIVE_INFINITY);
}
