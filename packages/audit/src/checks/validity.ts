import {
  blackBoxWins,
  dynamicModel,
  type Evidence,
  gradientMasking,
  marginTies,
  outputsAreProbabilities,
  randomisedModel,
  tooFewClasses,
  type ValidityWarning,
  zeroGradients,
} from "@casemate/attacks";
import type { Warning } from "../report.ts";
import { curveId } from "./attacks/gradient.ts";
import type { Check, CheckContext, CheckProgress, FinishedCheck, Measurement } from "./check.ts";
import { none } from "./taxonomy.ts";

const SAMPLES = 64;

/** Signs that the attacks say less than they seem to: the flags of AutoAttack, and gradient masking. */
export const validityCheck: Check = {
  id: "validity",
  title: "Can the attacks be trusted",
  kind: "validity",
  citation: { text: "Croce & Hein, 2020; Athalye et al., 2018", url: "https://arxiv.org/abs/1802.00420" },
  taxonomy: none,
  parameters: { samples: SAMPLES },
  cost: 6 * SAMPLES,
  run,
};

async function* run({ subject, earlier }: CheckContext): AsyncGenerator<CheckProgress, Measurement> {
  const classifier = await subject.classifier();
  const x = subject.inputs(subject.samples.slice(0, SAMPLES));
  const logits = await classifier.logits(x);
  const attacks = [...earlier.values()].filter(({ evidence }) => evidence !== undefined);
  yield { fraction: 0.2, queries: x.shape[0]! };
  const evidence = evidenceOf(attacks);
  const usesDlr = attacks.some(({ evidence: each }) => each!.attack.parameters.loss === "dlr");
  const zero = attacks.map((each) => each.evidence!.zeroGradients).sort((a, b) => b.count - a.count)[0];
  const warnings = [
    await randomisedModel(classifier, x),
    dynamicModel(subject.modelReport.operators.map(({ name }) => name)),
    outputsAreProbabilities(logits),
    marginTies(logits),
    usesDlr ? tooFewClasses(classifier) : undefined,
    zero && zeroGradients(zero),
    blackBoxWins(evidence),
    ...gradientMasking(evidence),
  ].filter((warning) => warning !== undefined);
  const merged = mergedById(warnings);
  return {
    queries: { forward: 6 * x.shape[0]!, backward: 0 },
    metrics: [{ name: "warnings", value: merged.length, unit: "count" }],
    warnings: merged.map(withMeaning),
  };
}

/** One attack at one radius each: a ladder adds up what many radii found, and so is no peer of a single run. */
function evidenceOf(attacks: readonly FinishedCheck[]): readonly Evidence[] {
  const single = attacks.filter(({ result }) => result.id !== curveId);
  const hasPgd = single.some(({ evidence }) => evidence!.attack.name === "PGD");
  return (hasPgd ? single : attacks).map(({ evidence, samples }) => ({
    ...evidence!,
    samples: samples!.index.map((sample, row) => {
      const stage = samples!.stage?.[row] ?? undefined;
      return { sample, status: samples!.status[row]!, ...(stage !== undefined && { stage }) };
    }),
  }));
}

/** One warning for each kind, with everything that was seen of it; what all of them conclude is said once. */
function mergedById(warnings: readonly ValidityWarning[]): readonly ValidityWarning[] {
  return [...new Set(warnings.map(({ id }) => id))].map((id) => {
    const same = warnings.filter((warning) => warning.id === id);
    const parts = same.map(({ message }) => message.split(": "));
    const conclusions = new Set(parts.map((part) => part.slice(1).join(": ")));
    const message =
      conclusions.size === 1
        ? [parts.map((part) => part[0]).join("; "), ...conclusions].filter((part) => part !== "").join(": ")
        : same.map((each) => each.message).join("; ");
    return { ...same[0]!, message };
  });
}

const MEANINGS: Readonly<Record<ValidityWarning["id"], string>> = {
  "randomised-model": "A sample that stood may only have been lucky.",
  probabilities: "Saturated probabilities have no gradient, so gradient attacks look weaker than they are.",
  "margin-ties": "Where scores are equal, the prediction and the margin depend on chance.",
  "too-few-classes": "Trust the attacks on the cross-entropy and without gradients more.",
  "zero-gradients": "Gradient attacks could not move these samples; that they stood says nothing.",
  "black-box-wins": "The gradients do not show the way: the model is weaker than gradient attacks make it look.",
  "dynamic-model": "Attacks made for models that do not change may miss what an adaptive attack finds.",
  "gradient-masking": "The model only looks robust to the weaker attack; only the strongest result counts.",
};

function withMeaning(warning: ValidityWarning): Warning {
  return { ...warning, meaning: MEANINGS[warning.id] };
}
