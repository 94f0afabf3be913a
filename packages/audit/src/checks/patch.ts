import { trainPatch } from "@casemate/attacks";
import { distances } from "@casemate/tensor";
import type { Metric } from "../report.ts";
import type { Check, CheckContext, CheckProgress, Measurement } from "./check.ts";
import { shownInGallery } from "./gallery.ts";
import { chooseSamples } from "./sample-choice.ts";
import { evasion } from "./taxonomy.ts";

const STEPS = 150;
const VIEWS = 16;

/** One patch for all pictures, made on half of them and held up in front of the others in many poses and lights. */
export function patchCheck({ samples, seed }: { readonly samples: number; readonly seed: number }): Check {
  return {
    id: "patch",
    title: "Adversarial patch, 0.3 to 0.5 of the image's side",
    kind: "accuracy",
    citation: { text: "Brown et al., 2017", url: "https://arxiv.org/abs/1712.09665" },
    taxonomy: evasion.gradient,
    parameters: { samples, steps: STEPS, viewsPerStep: VIEWS },
    cost: 3 * STEPS * VIEWS + samples * 40,
    run: (context) => run(context, samples, seed),
  };
}

async function* run(
  { subject, signal }: CheckContext,
  count: number,
  seed: number,
): AsyncGenerator<CheckProgress, Measurement> {
  const indices = chooseSamples(subject.samples.length, count, seed).map((row) => subject.samples[row]!);
  const x = subject.inputs(indices);
  const labels = indices.map((index) => subject.labels[index]!);
  const model = await subject.gradientClassifier();
  const options = { steps: STEPS, viewsPerStep: VIEWS, viewsPerSample: 4, seed, ...(signal && { signal }) };
  const events = trainPatch(model, x, labels, options);
  let next = await events.next();
  for (; !next.done; next = await events.next()) {
    const { step, steps, queries } = next.value;
    yield { fraction: (0.8 * step) / steps, queries: queries.forward + queries.backward };
  }
  const { counts, examples, queries } = next.value;
  const { broken, robust, failed, brokenByGrey } = counts.find(({ transformation }) => transformation === "all")!;
  const of = broken + robust + failed;
  const width = x.data.length / indices.length;
  const shown = examples.map(({ sample, image }) => {
    const origin = x.data.subarray(sample * width, (sample + 1) * width);
    const distance = distances("l2", image, origin, width)[0]!;
    return { sample: indices[sample]!, label: labels[sample]!, adversarial: image, distance };
  });
  return {
    queries,
    metrics: [
      share("accuracy.patched", robust, of),
      share("attack.success", broken, of),
      share("attack.success.grey", brokenByGrey, of),
    ],
    notes: [
      `A patch made on other samples broke ${broken} of ${of} views of held-out ones; a plain grey one of the same size ${brokenByGrey}.`,
    ],
    gallery: await shownInGallery(subject, "patch", shown),
  };
}

/** Of views, several of which are of the same sample: no independent trials, and so without an interval. */
function share(name: string, count: number, of: number): Metric {
  return { name, value: of === 0 ? 0 : count / of, unit: "proportion", count, of };
}
