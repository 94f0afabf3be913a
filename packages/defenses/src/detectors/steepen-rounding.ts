import { freshPrefix, GraphBuilder, type Model } from "@casemate/onnx";

/**
 * A copy that rounds x − w sin(2πx) / 2π in place of x, which is the same number but for ties: where gradients pass through
 * rounding as if it did nothing, they are then large near the steps, where little moves the result, and small between them.
 */
export function steepenRounding(model: Model): Model {
  const { graph } = model;
  const builder = new GraphBuilder(freshPrefix(graph, "steep"));
  const nodes = graph.nodes.flatMap((node) => {
    if (node.op !== "Round" || node.domain !== "") return [node];
    const before = builder.nodes.length;
    const x = { name: node.inputs[0]!, dtype: "float32", shape: undefined } as const;
    const number = (value: number) => builder.op("CastLike", [builder.scalar(value, x), x]); // of the model's own type
    const wave = builder.Sin(builder.Mul(x, number(2 * Math.PI)));
    const moved = builder.Sub(x, builder.Mul(wave, number(WEIGHT / (2 * Math.PI))));
    return [...builder.nodes.slice(before), { ...node, inputs: [moved.name] }];
  });
  const initializers = new Map([...graph.initializers, ...builder.initializers]);
  return { ...model, graph: { ...graph, nodes, initializers } };
}

const WEIGHT = 0.9; // below 1, so that a slope of a tenth is left everywhere
