import { type Graph, initializerTensor, trainableWeights } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";

/** Which weights stay as they are. */
export interface Freezing {
  /** Names of weights; `*` stands for any characters: "stage1.*". */
  readonly names?: readonly string[];
  /** How many layers from the input on; a layer is a weight of two dimensions or more with what follows it. */
  readonly layers?: number;
}

/** The weights of a graph that are left to train, in order. Throws a DefenseError INVALID_OPTION for a pattern that fits none, or when nothing is left. */
export function unfrozen(graph: Graph, { names = [], layers = 0 }: Freezing): readonly string[] {
  const all = trainableWeights(graph);
  const patterns = names.map((pattern) => ({
    pattern,
    regex: new RegExp(`^${pattern.split("*").map(escaped).join(".*")}$`, "u"),
  }));
  for (const { pattern, regex } of patterns) {
    if (!all.some((name) => regex.test(name))) {
      throw new DefenseError(
        "INVALID_OPTION",
        `freeze: expected a pattern of some weight's name, got '${pattern}'; there are ${all.join(", ")}`,
      );
    }
  }
  let layer = 0;
  const left = all.filter((name) => {
    if (initializerTensor(graph.initializers.get(name)!).shape.length > 1) layer++;
    return layer > layers && !patterns.some(({ regex }) => regex.test(name));
  });
  if (left.length > 0) return left;
  throw new DefenseError("INVALID_OPTION", `freeze: expected to leave a weight to train, got all ${all.length} frozen`);
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
}
