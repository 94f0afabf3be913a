import { clip } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { refuseTargets } from "./untargeted.ts";

export interface NewtonFoolOptions {
  readonly steps?: number;
  /** The most that a step may be, as a share of the sample's length. */
  readonly eta?: number;
}

/**
 * NewtonFool (Jang et al., 2017, https://doi.org/10.1145/3134600.3134635): lowers the probability of the label by Newton's steps
 * until another class wins. As in the paper a step is bounded by the length of the sample; Foolbox takes squares of both
 * norms, which makes its steps far longer.
 */
export function newtonFool({ steps = 100, eta = 0.01 }: NewtonFoolOptions = {}): Attack {
  return {
    name: "NewtonFool",
    access: "gradient",
    aim: "nearest",
    norms: ["l2"],
    restarts: 0,
    loss: "cross-entropy",
    parameters: { steps, eta },
    citation: { text: "Jang et al., 2017", url: "https://doi.org/10.1145/3134600.3134635" },
    async *attempt(search) {
      refuseTargets(search, "NewtonFool");
      const { width, model, threat } = search;
      for (let step = 1; step <= steps; step++) {
        await search.differentiate("cross-entropy");
        search.dismiss((row) => search.adversarial.values[row] === 1);
        for (let row = 0; row < search.active; row++) {
          const [x, origin, slope] = [search.x.row(row), search.origin.row(row), search.gradient.row(row)];
          let [length, steepness] = [0, 0];
          for (let j = 0; j < width; j++) {
            if (threat.mask && !threat.mask[j]) slope[j] = 0;
            length += origin[j]! * origin[j]!;
            steepness += slope[j]! * slope[j]!;
          }
          if (steepness === 0) continue;
          // The loss is -log p, so the gradient of p is -p times that of the loss.
          const probability = Math.exp(-search.loss.values[row]!);
          const norm = probability * Math.sqrt(steepness);
          const descent = Math.min(eta * Math.sqrt(length) * norm, probability - 1 / model.classes);
          const scale = descent / (probability * steepness);
          for (let j = 0; j < width; j++) x[j] = x[j]! + scale * slope[j]!;
        }
        clip(search.x.values, model.bounds.lower, model.bounds.upper);
        yield { step, steps };
      }
      await search.evaluate();
    },
  };
}
