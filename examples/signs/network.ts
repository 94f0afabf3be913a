import { GraphBuilder, type Model, tensorInitializer, type Value } from "@casemate/onnx";
import { fillNormal, type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";

/**
 * The classifier with the numbers that training begins with; its one input is `image` [batch, 3, 32, 32]: three convolutions that
 * each see half as fine as the one before, then two dense layers.
 */
export function network(classes: number, seed: number): Model {
  const graph = new GraphBuilder("signs/");
  const image = graph.input("image", "float32", ["batch", 3, 32, 32]);
  let drawn = 0;
  const weight = (name: string, shape: Shape): Value => {
    graph.initializers.set(name, tensorInitializer(name, initial(shape, seed, drawn++)));
    return { name, dtype: "float32", shape };
  };
  const convolution = (x: Value, name: string, inner: number, outer: number): Value => {
    const inputs = [x, weight(`${name}.weight`, [outer, inner, 3, 3]), weight(`${name}.bias`, [outer])];
    const y = graph.op("Relu", [
      graph.op("Conv", inputs, { attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }),
    ]);
    return graph.op("MaxPool", [y], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } });
  };
  const dense = (x: Value, name: string, inner: number, outer: number): Value => {
    const inputs = [x, weight(`${name}.weight`, [outer, inner]), weight(`${name}.bias`, [outer])];
    return graph.op("Gemm", inputs, { attributes: { transB: 1 } });
  };
  const features = [
    [3, 16],
    [16, 32],
    [32, 48],
  ].reduce((x, [inner, outer], i) => convolution(x, `convolution${i + 1}`, inner!, outer!), image);
  const hidden = graph.op("Relu", [dense(graph.op("Flatten", [features]), "dense1", 48 * 4 * 4, 64)]);
  const logits = dense(hidden, "dense2", 64, classes);
  const output = { name: "logits", dtype: "float32", shape: ["batch", classes], kind: "tensor" } as const;
  return {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "casemate examples/signs",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "signs",
      nodes: graph.nodes.map((node) =>
        node.outputs[0] === logits.name ? { ...node, name: "logits", outputs: ["logits"] } : node,
      ),
      inputs: graph.inputs,
      outputs: [output],
      initializers: graph.initializers,
    },
  };
}

/** Normal numbers scaled by what a neuron sees, as suits ReLU (He et al., 2015, https://arxiv.org/abs/1502.01852); biases of 0. */
function initial(shape: Shape, seed: number, sample: number): Tensor {
  const data = new Float32Array(sizeOf(shape));
  if (shape.length === 1) return tensor(shape, data);
  const deviation = Math.sqrt(2 / sizeOf(shape.slice(1)));
  const drawn = fillNormal(data, { seed, stream: INITIAL, sample, step: 0 });
  return tensor(
    shape,
    drawn.map((each) => each * deviation),
  );
}

const INITIAL = 0; // the stream of the weights; scenes have others
