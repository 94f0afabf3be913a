import { editInput, type Model } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";
import type { Settings } from "./train-options.ts";

/** Whether the samples of a model are whole numbers that stand for something, such as tokens. */
export function takesTokens({ graph }: Model): boolean {
  return graph.inputs.some(({ name, dtype }) => !graph.initializers.has(name) && isWhole(dtype));
}

/**
 * The model with float32 where its inputs are whole numbers, which it casts back: float32 holds those below 2²⁴, so scores are the
 * same. For running only; there is no gradient through the cast.
 */
export function withFloatInput(model: Model): Model {
  const { inputs, initializers } = model.graph;
  const whole = inputs.filter(({ name, dtype }) => !initializers.has(name) && isWhole(dtype));
  const edited = whole.reduce((result, { name, dtype }) => {
    return editInput(result, name, (graph, x) => graph.Cast({ ...x, dtype: "float32" }, dtype));
  }, model);
  const names = new Set(whole.map(({ name }) => name));
  return {
    ...edited,
    graph: {
      ...edited.graph,
      inputs: inputs.map((input) => (names.has(input.name) ? { ...input, dtype: "float32" } : input)),
    },
  };
}

/**
 * Throws a DefenseError where tokens would be moved: UNSUPPORTED_MODEL for a method that adds something to samples,
 * INVALID_OPTION for a ball around them or a blend of two.
 */
export function refuseMovingTokens(model: Model, { method, ball, mixing }: Settings): void {
  if (!takesTokens(model)) return;
  if (!method.leavesSamples) {
    throw new DefenseError(
      "UNSUPPORTED_MODEL",
      `method ${method.name}: expected an input of floating point to perturb, got whole numbers; plain trains on tokens`,
    );
  }
  if (ball.epsilon > 0) {
    throw new DefenseError("INVALID_OPTION", `epsilon: expected 0 for a model of tokens, got ${ball.epsilon}`);
  }
  if (mixing)
    throw new DefenseError("INVALID_OPTION", `mixing: expected none for a model of tokens, got ${mixing.type}`);
}

function isWhole(dtype: string): boolean {
  return dtype === "int64" || dtype === "int32";
}
