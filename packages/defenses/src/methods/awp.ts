import type { Trainer } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { TrainingMethod } from "../training/method.ts";

export interface AwpOptions {
  /** How far weights are moved, as a share of each layer's norm. */
  readonly gamma?: number;
}

/**
 * Adversarial weight perturbation (Wu et al., 2020, https://arxiv.org/abs/2004.05884) around another method: each step of its
 * optimiser is taken at weights that were moved, layer by layer, to where the loss of the batch is higher, and the move is
 * taken back after it. Biases and scales, of one dimension, stay. Costs a forward and a backward pass per step.
 * Throws a DefenseError INVALID_OPTION for a gamma that is not a number from 0.
 */
export function awp(method: TrainingMethod, { gamma = 0.01 }: AwpOptions = {}): TrainingMethod {
  if (!(gamma >= 0 && Number.isFinite(gamma))) {
    throw new DefenseError("INVALID_OPTION", `awp: expected a gamma from 0, got ${gamma}`);
  }
  return {
    ...method,
    name: `${method.name}+awp`,
    source: `${method.source}; Wu et al., 2020, https://arxiv.org/abs/2004.05884`,
    step: (batch, state) => method.step(batch, { ...state, trainer: perturbing(state.trainer, gamma) }),
  };
}

/** A trainer whose steps are taken at perturbed weights. */
function perturbing(trainer: Trainer, gamma: number): Trainer {
  return {
    weights: trainer.weights,
    state: trainer.state,
    gradients: (feeds) => trainer.gradients(feeds),
    shift: (direction, scale) => trainer.shift(direction, scale),
    load: (state) => trainer.load(state),
    dispose: () => trainer.dispose(),
    async step(feeds, rate) {
      const direction = steepestByLayer(await trainer.gradients(feeds), trainer.weights);
      trainer.shift(direction, gamma);
      const result = await trainer.step(feeds, rate);
      trainer.shift(direction, -gamma);
      return result;
    },
  };
}

/** ‖w‖ g / ‖g‖ of each weight that has more than one dimension. */
function steepestByLayer(
  gradients: ReadonlyMap<string, Tensor>,
  weights: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const layers = [...gradients].filter(([, { shape }]) => shape.length > 1);
  return new Map(
    layers.map(([name, { shape, data }]) => {
      const length = norm(data);
      const scale = length === 0 ? 0 : norm(weights.get(name)!.data) / length;
      return [
        name,
        tensor(
          shape,
          data.map((slope) => scale * slope),
        ),
      ];
    }),
  );
}

function norm(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
}
