/** A node of a graph, as far as it matters here. */
export interface Step {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

const MOVES = new Set([
  "Slice",
  "Gather",
  "GatherND",
  "GatherElements",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
  "Flatten",
  "Transpose",
  "Identity",
  "Cast",
  "Split",
  "Crop",
  "Sub",
  "Abs",
  "Mul",
  "Round",
  "Floor",
  "Pad",
  "Clip",
]);
const COMPARISONS = new Set(["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]);
const GATHERS = new Set([
  "And",
  "ReduceMin",
  "ReduceProd",
  "ReduceMax",
  "ReduceSum",
  "Min",
  "Mul",
  "Cast",
  "Not",
  "Squeeze",
  "Reshape",
  "Or",
  "Unsqueeze",
  "Identity",
  "Flatten",
  "Equal",
  "GreaterOrEqual",
  "Greater",
]);
const BRANCHES = new Set(["If", "Where"]);
const REDUCES = new Set(["ReduceMin", "ReduceProd", "ReduceMax", "ReduceSum", "And", "Min"]);

/**
 * Reports branches whose condition compares values of the input with constants, with nothing learned in between, and reduces what comes of it to
 * one answer: how a backdoor in an architecture waits for its trigger (Bober-Irizar et al., 2023, https://arxiv.org/abs/2206.07840;
 * the parameter-free form). Masks of padding compare too, but keep one answer for each element.
 */
export function reportTriggers(
  steps: readonly Step[],
  inputs: readonly string[],
  constants: ReadonlySet<string>,
  report: (evidence: string, part: string) => void,
): void {
  const state = new Map<string, "input" | "compared" | "reduced">(inputs.map((name) => [name, "input"]));
  const fixed = new Set(constants);
  for (const { name, operator, inputs: names, outputs } of steps) {
    if (operator === "Constant") for (const output of outputs) fixed.add(output);
    const states = names.map((each) => state.get(each));
    const others = names.filter((each) => !state.has(each) && each !== "");
    const isPlain = others.every((each) => fixed.has(each));
    if (BRANCHES.has(operator) && states[0] === "reduced") {
      report(
        `${operator} '${name || outputs[0]}' chooses by a comparison of the input with constants`,
        `${operator} '${name || outputs[0]}'`,
      );
    }
    const next = nextState(operator, states, isPlain);
    if (next) for (const output of outputs) state.set(output, next);
    else if (operator !== "Constant" && names.length > 0 && names.every((each) => fixed.has(each)))
      for (const output of outputs) fixed.add(output);
  }
}

function nextState(
  operator: string,
  states: readonly (string | undefined)[],
  isPlain: boolean,
): "input" | "compared" | "reduced" | undefined {
  const has = (wanted: string) => states.includes(wanted);
  if (has("compared") || has("reduced")) {
    if (!GATHERS.has(operator) && !COMPARISONS.has(operator)) return undefined;
    return has("reduced") || REDUCES.has(operator) ? "reduced" : "compared";
  }
  if (!has("input") || !isPlain) return undefined;
  if (COMPARISONS.has(operator)) return "compared";
  return MOVES.has(operator) || REDUCES.has(operator) ? "input" : undefined;
}
