import { autoAttack, pgd, run, treeExact } from "@casemate/attacks";
import type { BoundMethod } from "@casemate/defenses";
import { certify } from "./certified.ts";
import { AuditError } from "./errors.ts";
import type { SubjectSpec } from "./options.ts";
import type { Norm } from "./report.ts";
import { type OpenSubject, openSubjects } from "./subject.ts";

export interface CertifyOptions {
  readonly norm: Exclude<Norm, "l0">;
  readonly epsilon: number;
  /** "auto": exact for trees, else IBP, CROWN and alpha-CROWN in turn, each on what is left. */
  readonly method: BoundMethod | "trees" | "auto";
  /** What bounds the accuracy from above. */
  readonly attack: "pgd" | "autoattack" | "none";
  readonly samples?: number;
  readonly seed?: number;
  /** Seconds after which the rest stays undecided. */
  readonly timeLimit?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface CertifyEvent {
  readonly stage: "bounds" | "attack";
  /** 0 to 1 */
  readonly fraction: number;
}

/** Between what the robust accuracy of a model on samples lies. */
export interface CertificationReport {
  readonly model: string;
  readonly norm: CertifyOptions["norm"];
  readonly epsilon: number;
  readonly method: CertifyOptions["method"];
  readonly attack: CertifyOptions["attack"];
  readonly samples: number;
  /** Right without any change. */
  readonly clean: number;
  /** Proven to keep their class in the whole ball. */
  readonly certified: number;
  /** Right and not broken by the attack; undefined without one. */
  readonly standing?: number;
  /** Neither proven nor broken. */
  readonly undecided: number;
  /** How many each method proved. */
  readonly byMethod: Readonly<Record<string, number>>;
  /** By position in the data set. */
  readonly verdicts: readonly { readonly sample: number; readonly verdict: Verdict; readonly method?: string }[];
  readonly assumptions: readonly string[];
}

type Verdict = "certified" | "broken" | "wrong" | "undecided";

/**
 * Bounds the robust accuracy of a model from below by certificates and from above by an attack. Throws an AuditError for bad
 * input, and a DefenseError UNSUPPORTED_MODEL for a model that cannot be bounded.
 */
export async function* certifyModel(
  spec: SubjectSpec,
  options: CertifyOptions,
): AsyncGenerator<CertifyEvent, CertificationReport> {
  const [subject] = await openSubjects([spec], options);
  try {
    return yield* certifySubject(subject!, spec, options);
  } finally {
    await subject!.dispose();
  }
}

async function* certifySubject(
  subject: OpenSubject,
  spec: SubjectSpec,
  options: CertifyOptions,
): AsyncGenerator<CertifyEvent, CertificationReport> {
  const { norm, epsilon, method, attack, timeLimit, signal, seed = 0 } = options;
  const { samples } = subject;
  const isExact = method === "trees" || (method === "auto" && subject.kind === "trees");
  if (isExact !== (subject.kind === "trees")) {
    throw new AuditError(
      "INVALID_OPTION",
      `method '${method}': expected ${isExact ? "a model of trees" : "trees or auto for trees"}, got a model of ${subject.kind}`,
    );
  }
  const deadline = timeLimit === undefined ? Infinity : performance.now() + timeLimit * 1000;
  const methods: readonly BoundMethod[] = isExact
    ? []
    : method === "auto"
      ? ["ibp", "crown", "alpha-crown"]
      : [method as BoundMethod];
  const steps = certify(subject, { norm, epsilon, methods, samples, deadline, signal });
  let next = await steps.next();
  while (!next.done) {
    yield { stage: "bounds", fraction: next.value };
    next = await steps.next();
  }
  const certificates = next.value;
  const classifier = isExact ? await subject.classifier() : await subject.gradientClassifier();
  const x = subject.inputs(samples);
  const labels = samples.map((sample) => subject.labels[sample]!);
  const threat = subject.threat(norm, [epsilon]);
  yield { stage: "attack", fraction: 0 };
  const chosen = isExact
    ? treeExact()
    : attack === "autoattack"
      ? autoAttack()
      : pgd({ steps: attack === "none" ? 1 : 40 });
  const budgeted = { attack: chosen, seed, indices: samples, ...(signal && { signal }) };
  const result = await run(classifier, x, labels, threat, budgeted);
  yield { stage: "attack", fraction: 1 };
  const verdicts = samples.map((sample, row) => {
    const found = result.samples[row]!.status;
    const proof = isExact && found === "robust" ? "trees" : certificates[row];
    if (proof !== undefined) {
      if (found === "broken" || found === "wrong") {
        throw new AuditError("CHECK_FAILED", `sample ${sample} is certified and yet ${found}: a bug in bounds`);
      }
      return { sample, verdict: "certified" as const, method: proof };
    }
    const isBroken = found === "broken" && (attack !== "none" || isExact);
    const verdict: Verdict = found === "wrong" ? "wrong" : isBroken ? "broken" : "undecided";
    return { sample, verdict };
  });
  const count = (verdict: Verdict) => verdicts.filter((each) => each.verdict === verdict).length;
  const byMethod: Record<string, number> = {};
  for (const { method: proof } of verdicts as readonly { readonly method?: string }[]) {
    if (proof !== undefined) byMethod[proof] = (byMethod[proof] ?? 0) + 1;
  }
  return {
    model: spec.model,
    norm,
    epsilon,
    method,
    attack,
    samples: samples.length,
    clean: samples.length - count("wrong"),
    certified: count("certified"),
    ...((attack !== "none" || isExact) && { standing: count("certified") + count("undecided") }),
    undecided: count("undecided"),
    byMethod,
    verdicts,
    assumptions: subject.assumptions,
  };
}
