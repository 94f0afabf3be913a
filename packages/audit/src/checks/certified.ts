import { certify } from "../certified.ts";
import { AuditError } from "../errors.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { proportion } from "./proportion.ts";
import { chooseSamples } from "./sample-choice.ts";
import { evasion } from "./taxonomy.ts";

export interface CertifiedOptions {
  readonly norm: "linf" | "l2" | "l1";
  /** Ascending; the verdict is about the last. */
  readonly epsilons: readonly number[];
  /** How many samples are bounded. */
  readonly samples: number;
  readonly seed: number;
  /** Seconds after which what is undecided at the largest radius stays so; the smaller ones share as many. */
  readonly seconds: number;
}

/** The share of samples that provably keep their class: what bounds robust accuracy from below, as attacks do from above. */
export function certifiedCheck(options: CertifiedOptions): Check {
  const { norm, epsilons, samples, seconds } = options;
  return {
    id: "certified",
    title: "Certified from below, by linear bounds",
    kind: "accuracy",
    citation: { text: "Zhang et al., 2018 (CROWN)", url: "https://arxiv.org/abs/1811.00866" },
    taxonomy: evasion.gradient,
    parameters: { norm, epsilons: epsilons.join(", "), samples, seconds, methods: "ibp, crown" },
    cost: samples * COST,
    run: (context) => run(context, options),
  };
}

/** Distances are measured in float32. */
const ROUNDING = 1 + 1e-6;

/** Estimated forward passes for the bounds of a sample. */
const COST = 300;

/** From the largest radius down: what is certified there is certified within every smaller one. */
async function* run(
  { subject, earlier, signal }: CheckContext,
  { norm, epsilons, samples: count, seed, seconds }: CertifiedOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const samples = chooseSamples(subject.samples.length, count, seed).map((row) => subject.samples[row]!);
  const startedAt = performance.now();
  const descending = [...epsilons].sort((a, b) => b - a);
  const certified = new Set<number>();
  const brackets: Bracket[] = [];
  for (const [round, epsilon] of descending.entries()) {
    const open = samples.filter((sample) => !certified.has(sample));
    const deadline = startedAt + seconds * 1000 * (1 + round / Math.max(1, descending.length - 1));
    const steps = certify(subject, { norm, epsilon, methods: ["ibp", "crown"], samples: open, deadline, signal });
    let next = await steps.next();
    while (!next.done) {
      yield { fraction: (round + next.value) / descending.length, queries: 0 };
      next = await steps.next();
    }
    for (const [row, method] of next.value.entries()) if (method !== undefined) certified.add(open[row]!);
    brackets.push(bracketAt(epsilon, samples, certified, fallenWithin(epsilon, norm, earlier)));
  }
  return {
    queries: { forward: 0, backward: 0 },
    metrics: brackets.flatMap((bracket, round) => metricsOf(bracket, round === 0 ? "" : `.${short(bracket.epsilon)}`)),
    notes: [noteOf(brackets)],
  };
}

/** What is known of the samples within one radius. */
interface Bracket {
  readonly epsilon: number;
  readonly samples: number;
  readonly certified: number;
  /** That no attack broke. */
  readonly standing: number;
}

function bracketAt(
  epsilon: number,
  samples: readonly number[],
  certified: ReadonlySet<number>,
  fallen: ReadonlySet<number>,
): Bracket {
  const refuted = samples.filter((sample) => certified.has(sample) && fallen.has(sample));
  if (refuted.length > 0) {
    const text = `samples ${refuted.join(", ")} are certified within ${short(epsilon)} and yet were broken: a bug in bounds`;
    throw new AuditError("CHECK_FAILED", text);
  }
  const standing = samples.filter((sample) => !fallen.has(sample)).length;
  return { epsilon, samples: samples.length, certified: certified.size, standing };
}

/** Samples that are wrong without any change, or that an attack broke by a change that is known to lie within a radius. */
function fallenWithin(
  epsilon: number,
  norm: CertifiedOptions["norm"],
  earlier: CheckContext["earlier"],
): ReadonlySet<number> {
  const fallen = new Set<number>();
  for (const { samples: outcomes, result } of earlier.values()) {
    if (result.kind !== "attack" || result.attack?.norm !== norm) continue;
    for (const [row, index] of (outcomes?.index ?? []).entries()) {
      const { [row]: status } = outcomes!.status;
      const distance = outcomes!.distance[row] ?? result.attack.epsilon;
      if (status === "wrong" || (status === "broken" && distance <= epsilon * ROUNDING)) fallen.add(index);
    }
  }
  return fallen;
}

function metricsOf({ samples, certified, standing }: Bracket, suffix: string): Measurement["metrics"] {
  return [
    proportion(`accuracy.certified${suffix}`, certified, samples),
    proportion(`accuracy.attacked${suffix}`, standing, samples),
    proportion(`accuracy.undecided${suffix}`, standing - certified, samples),
  ];
}

/** The bracket at the main radius in words, the others in figures, from the smallest. */
function noteOf([main, ...smaller]: readonly Bracket[]): string {
  const { epsilon, samples, certified, standing } = main!;
  const sentence = `At ${short(epsilon)}, robust accuracy of these ${samples} samples lies between ${certified} certified and ${standing} that no attack broke`;
  const others = smaller.toReversed().map((each) => `at ${short(each.epsilon)} ${each.certified} to ${each.standing}`);
  return `${[sentence, ...(others.length > 0 ? [others.join(", ")] : [])].join("; ")}.`;
}

function short(epsilon: number): string {
  return String(Number(epsilon.toPrecision(6)));
}
