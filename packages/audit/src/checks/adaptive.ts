import { stream, threats, type ValidityWarningId } from "@casemate/attacks";
import type { AttackReport, Norm } from "../report.ts";
import type { OpenSubject } from "../subject.ts";
import type { Check, CheckContext, CheckProgress, FinishedCheck, Measurement, SampleStatus } from "./check.ts";
import { distributionOf } from "./distances.ts";
import { galleryOf } from "./gallery.ts";
import { pointAt, proportion } from "./proportion.ts";
import { type Remedy, remedies } from "./remedies.ts";
import { evasion } from "./taxonomy.ts";
import { worstOutcomes } from "./worst-case.ts";

export interface AdaptiveOptions {
  readonly norm: Norm;
  /** The radius that the verdict is about. */
  readonly epsilon: number;
  readonly seed: number;
  /** Ids of the attacks within that radius: what they broke is left alone. */
  readonly attacks: readonly string[];
  /** Estimated work, in forward passes of one sample. */
  readonly cost: number;
}

export const adaptiveId = "adaptive";

/**
 * The row that doubts the others: where validity gave warnings, it finds out what misled the attacks and tries what is known
 * to help against that, on the samples that still stand, and says what it did.
 */
export function adaptiveCheck(options: AdaptiveOptions): Check {
  return {
    id: adaptiveId,
    title: "Adaptive attack, chosen by the warnings",
    kind: "attack",
    citation: { text: "Tramèr et al., 2020", url: "https://arxiv.org/abs/2002.08347" },
    taxonomy: evasion.gradient,
    parameters: { norm: options.norm, epsilon: options.epsilon },
    cost: options.cost,
    run: (context) => run(context, options),
  };
}

interface Outcome {
  readonly status: SampleStatus;
  readonly prediction: number;
  readonly distance: number | undefined;
}

async function* run(
  { subject, earlier, signal }: CheckContext,
  { norm, epsilon, seed, attacks }: AdaptiveOptions,
): AsyncGenerator<CheckProgress, Measurement> {
  const outcomes = new Map<number, Outcome>(worstOutcomes([...earlier.values()], attacks));
  const warnings = warningIds(earlier.get("validity"));
  const chosen = remedies.filter((remedy) => helps(remedy, subject, warnings));
  const queries = { forward: 0, backward: 0 };
  const notes: string[] = [];
  let gallery: Measurement["gallery"] = [];
  let tried = 0;
  for (const [index, remedy] of chosen.entries()) {
    const standing = [...outcomes].flatMap(([sample, { status }]) =>
      status === "robust" || status === "failed" ? [sample] : [],
    );
    const samples = standing.sort((a, b) => a - b).slice(0, remedy.samples);
    if (samples.length === 0) break;
    if (!canRun(remedy, subject, norm, epsilon)) continue;
    const model = await subject.gradientClassifier({ straightThrough: remedy.straightThrough ?? false });
    const events = stream(
      model,
      subject.inputs(samples),
      samples.map((sample) => subject.labels[sample]!),
      subject.threat(norm, [epsilon]),
      { attack: remedy.attack, seed, indices: samples, ...(signal && { signal }) },
    );
    let next = await events.next();
    for (; !next.done; next = await events.next()) {
      const { step, steps, queries: used } = next.value;
      yield {
        fraction: (index + step / steps) / chosen.length,
        queries: queries.forward + queries.backward + used.forward + used.backward,
      };
    }
    const result = next.value;
    tried++;
    queries.forward += result.queries.forward;
    queries.backward += result.queries.backward;
    const broken = result.samples.filter(({ status }) => status === "broken");
    for (const { sample, adversarialPrediction, distance } of broken) {
      outcomes.set(sample, { status: "broken", prediction: adversarialPrediction!, distance });
    }
    const because = remedy.against.filter((id) => warnings.includes(id)).join(", ");
    notes.push(
      `Because of ${because}: ${remedy.title}. It broke ${broken.length} of ${samples.length} samples that stood.`,
    );
    gallery = [...gallery, ...(await galleryOf(subject, adaptiveId, result))];
  }
  if (tried === 0) notes.push(nothingTried(warnings, chosen));
  return {
    queries,
    ...measured(outcomes, { norm, epsilon }),
    notes,
    gallery,
  };
}

function nothingTried(warnings: readonly ValidityWarningId[], chosen: readonly Remedy[]): string {
  if (warnings.length === 0) return "No warning called for another attack.";
  return chosen.length === 0
    ? `No other attack is known to help against ${warnings.join(", ")}.`
    : "Nothing was left standing to attack.";
}

/** All samples as they are now: the earlier attacks' verdicts, and what this one added. */
function measured(
  outcomes: ReadonlyMap<number, Outcome>,
  { norm, epsilon }: Pick<AdaptiveOptions, "norm" | "epsilon">,
): Pick<Measurement, "metrics" | "attack" | "samples"> {
  const rows = [...outcomes].sort(([a], [b]) => a - b);
  const count = { broken: 0, robust: 0, wrong: 0, failed: 0 };
  for (const [, { status }] of rows) count[status]++;
  const distances = distributionOf(
    rows.flatMap(([, { status, distance }]) => (status === "broken" ? [distance!] : [])),
  );
  const attack: AttackReport = {
    access: "gradient",
    norm,
    epsilon,
    ...count,
    curve: [pointAt(0, rows.length - count.wrong, rows.length), pointAt(epsilon, count.robust, rows.length)],
    ...(distances && { distances }),
    borderline: 0,
  };
  return {
    metrics: [
      proportion("accuracy.robust", count.robust, rows.length),
      proportion("attack.success", count.broken, rows.length - count.wrong),
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

function warningIds(validity: FinishedCheck | undefined): readonly ValidityWarningId[] {
  return (validity?.result.warnings ?? []).map(({ id }) => id as ValidityWarningId);
}

function canRun({ attack }: Remedy, subject: OpenSubject, norm: Norm, epsilon: number): boolean {
  const { mask } = subject.threat(norm, [epsilon]);
  const threat = () => threats[norm](epsilon, { ...(mask && { mask }) });
  return attack.norms.includes(norm) && attack.obstacle?.(subject.shape, threat()) === undefined;
}

function helps({ against, fits }: Remedy, subject: OpenSubject, warnings: readonly ValidityWarningId[]): boolean {
  return against.some((id) => warnings.includes(id)) && (fits?.(subject) ?? true);
}
