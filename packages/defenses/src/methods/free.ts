import { type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { TrainingMethod } from "../training/method.ts";
import { repaired, widthOf } from "./ascend.ts";
import { crossEntropy } from "./cross-entropy.ts";

export interface FreeTrainingOptions {
  /** How often each batch is taken in a row. */
  readonly replays?: number;
}

/**
 * Free adversarial training (Shafahi et al., 2019, https://arxiv.org/abs/1904.12843): each batch is replayed, and one backward pass
 * gives both the step of the weights and the next step of the perturbation, a whole epsilon long, which is kept from replay to
 * replay and from batch to batch; unlike the authors', it stays inside the bounds around each sample. The loop
 * divides its epochs by the replays. Throws a DefenseError INVALID_OPTION for fewer replays than 1.
 */
export function freeTraining({ replays = 8 }: FreeTrainingOptions = {}): TrainingMethod {
  if (!(Number.isInteger(replays) && replays > 0)) {
    throw new DefenseError("INVALID_OPTION", `free: expected a whole number of replays from 1, got ${replays}`);
  }
  return {
    name: "free",
    source: "Shafahi et al., 2019, https://arxiv.org/abs/1904.12843",
    loss: crossEntropy,
    needsInputGradient: true,
    replays,
    async step({ x, targets }, { trainer, input, rate, threat, classifier: { bounds }, memory }) {
      const width = widthOf(x);
      const examples = startOf(x, memory.get(PERTURBATION));
      threat.project(examples.data, x.data, width, bounds);
      let loss = new Float32Array();
      for (let replay = 0; replay < replays; replay++) {
        const result = await trainer.step({ [input]: repaired(examples, x, threat), targets }, rate);
        const slopes = result.gradients.get(input)!.data;
        threat.climb(examples.data, slopes, x.data, { width, bounds, stepSize: 1, sparsity: 0 });
        loss = result.loss as Float32Array<ArrayBuffer>;
      }
      memory.set(
        PERTURBATION,
        tensor(
          x.shape,
          examples.data.map((each, i) => each - x.data[i]!),
        ),
      );
      return loss;
    },
  };
}

const PERTURBATION = "perturbation";

/** The samples moved by what an earlier batch was moved by, row by row. */
function startOf(x: Tensor, perturbation: Tensor | undefined): Tensor {
  const moved = tensor(x.shape, x.data.slice());
  const count = Math.min(moved.data.length, perturbation?.data.length ?? 0);
  for (let i = 0; i < count; i++) moved.data[i]! += perturbation!.data[i]!;
  return moved;
}
