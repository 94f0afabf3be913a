import { run as attack, corruption, corruptions, type Severity } from "@casemate/attacks";
import type { Metric } from "../report.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { chooseSamples } from "./sample-choice.ts";
import { none } from "./taxonomy.ts";

const severities: readonly Severity[] = [1, 2, 3, 4, 5];

/** How often the model is right on pictures that noise, blur, weather and compression have spoilt. */
export function corruptionsCheck({ samples, seed }: { readonly samples: number; readonly seed: number }): Check {
  return {
    id: "corruptions",
    title: "Common corruptions, 15 at 5 severities",
    kind: "accuracy",
    citation: { text: "Hendrycks & Dietterich, 2019", url: "https://arxiv.org/abs/1903.12261" },
    taxonomy: none,
    parameters: { samples, corruptions: corruptions.length, severities: severities.length },
    cost: samples * corruptions.length * severities.length * 3,
    run: (context) => run(context, samples, seed),
  };
}

async function* run(
  { subject, signal }: CheckContext,
  samples: number,
  seed: number,
): AsyncGenerator<CheckProgress, Measurement> {
  const indices = chooseSamples(subject.samples.length, samples, seed).map((row) => subject.samples[row]!);
  const model = await subject.classifier();
  const x = subject.inputs(indices);
  const labels = indices.map((index) => subject.labels[index]!);
  const metrics: Metric[] = [];
  const total = { right: 0, of: 0 };
  let queries = 0;
  for (const [index, name] of corruptions.entries()) {
    let right = 0;
    for (const severity of severities) {
      const result = await attack(
        model,
        x,
        labels,
        { norm: "linf", epsilons: [Infinity] },
        {
          attack: corruption({ name, severity }),
          seed,
          indices,
          ...(signal && { signal }),
        },
      );
      right += result.curve[0]!.robust;
      queries += result.queries.forward;
      const fraction = (index + severity / severities.length) / corruptions.length;
      yield { fraction, queries };
    }
    metrics.push(share(`accuracy.${name}`, right, indices.length * severities.length));
    total.right += right;
    total.of += indices.length * severities.length;
  }
  const overall = share("accuracy.corrupted", total.right, total.of);
  return { queries: { forward: queries, backward: 0 }, metrics: [overall, ...metrics] };
}

/** Without an interval: the same samples come back at each severity, so that they are no independent trials. */
function share(name: string, count: number, of: number): Metric {
  return { name, value: count / of, unit: "proportion", count, of };
}
