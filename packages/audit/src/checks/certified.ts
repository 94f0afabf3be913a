import { certify } from "../certified.ts";
import { AuditError } from "../errors.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { proportion } from "./proportion.ts";
import { chooseSamples } from "./sample-choice.ts";
import { evasion } from "./taxonomy.ts";

export interface CertifiedOptions {
  readonly norm: "linf" | "l2" | "l1";
  /** The radius that the verdict is about. */
  readonly epsilon: number;
  /** How many samples are bounded. */
  readonly samples: number;
  readonly seed: number;
  /** Seconds after which what is undecided stays so. */
  readonly seconds: number;
}

/** The share of samples that provably keep their class: what bounds robust accuracy from below, as attacks do from above. */
export function certifiedCheck(options: CertifiedOptions): Check {
  const { norm, epsilon, samples, seconds } = options;
  return {
    id: "certified",
    title: "Certified from below, by linear bounds",
    kind: "accuracy",
    citation: { text: "Zhang et al., 2018 (CROWN)", url: "https://arxiv.org/abs/1811.00866" },
    taxonomy: evasion.gradient,
    parameters: { norm, epsilon, samples, seconds, methods: "ibp, crown" },
    cost: samples * COST,
    run: (context) => run(context, options),
  };
}

/** Estimated forward passes for the bounds of a sample. */
const COST = 300;

async function* run(
  { subject, earlier, signal }: CheckContext,
  { norm, epsilon, samples: count, seed, seconds }: CertifiedOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const samples = chooseSamples(subject.samples.length, count, seed).map((row) => subject.samples[row]!);
  const deadline = performance.now() + seconds * 1000;
  const steps = certify(subject, { norm, epsilon, methods: ["ibp", "crown"], samples, deadline, signal });
  let next = await steps.next();
  while (!next.done) {
    yield { fraction: next.value, queries: 0 };
    next = await steps.next();
  }
  const certificates = next.value;
  const certified = certificates.filter((method) => method !== undefined).length;
  const statuses = new Map<number, string>();
  for (const { samples: outcomes, result } of earlier.values()) {
    if (result.kind !== "attack" || result.attack?.norm !== norm) continue;
    for (const [row, index] of (outcomes?.index ?? []).entries()) {
      const distance = outcomes!.distance[row];
      const isInside = distance === null || distance === undefined || distance <= epsilon;
      if (outcomes!.status[row] === "wrong" || (outcomes!.status[row] === "broken" && isInside)) {
        statuses.set(index, outcomes!.status[row]!);
      }
    }
  }
  const refuted = samples.filter((sample, row) => certificates[row] !== undefined && statuses.has(sample));
  if (refuted.length > 0) {
    throw new AuditError(
      "CHECK_FAILED",
      `samples ${refuted.join(", ")} are certified and yet were broken: a bug in bounds`,
    );
  }
  const standing = samples.filter((sample) => !statuses.has(sample)).length;
  return {
    queries: { forward: 0, backward: 0 },
    metrics: [
      proportion("accuracy.certified", certified, samples.length),
      proportion("accuracy.attacked", standing, samples.length),
      proportion("accuracy.undecided", standing - certified, samples.length),
    ],
    notes: [
      `At ${Number(epsilon.toPrecision(6))}, robust accuracy of these ${samples.length} samples lies between ${certified} certified and ${standing} that no attack broke.`,
    ],
  };
}
