import { float, GraphBuilder, type Model, type Value } from "@casemate/onnx";
import { type AnyTensor, type Shape, sizeOf } from "@casemate/tensor";

/** How many classes the classifiers tell apart. */
export const classes = 10;

/** ResNet-18 for images of 32 x 32: a 3 x 3 stem and no pooling after it (He et al., 2016, https://arxiv.org/abs/1512.03385). */
export function resnet18(width: number): Model {
  return network(["batch", 3, 32, 32], (graph, x) => {
    const block = (input: Value, inner: number, outer: number, stride: number): Value => {
      const hidden = graph.op("Relu", [convolution(graph, input, inner, outer, 3, stride)]);
      const residual = convolution(graph, hidden, outer, outer, 3, 1);
      const shortcut = stride === 1 && inner === outer ? input : convolution(graph, input, inner, outer, 1, stride);
      return graph.op("Relu", [graph.Add(residual, shortcut)]);
    };
    let y = graph.op("Relu", [convolution(graph, x, 3, width, 3, 1)]);
    for (const [stage, scale] of [1, 2, 4, 8].entries()) {
      const before = stage === 0 ? width : (width * scale) / 2;
      y = block(y, before, width * scale, stage === 0 ? 1 : 2);
      y = block(y, width * scale, width * scale, 1);
    }
    const features = graph.op("Flatten", [graph.op("GlobalAveragePool", [y])]);
    return linear(graph, features, width * 8, classes);
  });
}

/** A convolution and its batch normalisation, as PyTorch exports them. */
function convolution(
  graph: GraphBuilder,
  x: Value,
  inner: number,
  outer: number,
  kernel: number,
  stride: number,
): Value {
  const weight = weights(graph, [outer, inner, kernel, kernel], inner * kernel * kernel);
  const pad = (kernel - 1) / 2;
  const y = graph.op("Conv", [x, weight], {
    attributes: { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] },
  });
  const [one, nought] = [1, 0].map((number) => graph.constant(filled([outer], number))) as [Value, Value];
  return graph.op("BatchNormalization", [y, one, nought, nought, one], { attributes: { epsilon: float(1e-5) } });
}

/** Encoder layers as PyTorch's TransformerEncoderLayer writes them: normalisation after each part, GELU between. */
export function transformer(layers = 4, width = 256, heads = 4, length = 64): Model {
  return network(["batch", length, width], (graph, x) => {
    let y = x;
    for (let layer = 0; layer < layers; layer++) {
      const [query, key, value] = [0, 1, 2].map(() => {
        const projected = linear(graph, y, width, width);
        return graph.Transpose(graph.Reshape(projected, graph.ints([0, 0, heads, width / heads])), [0, 2, 1, 3]);
      }) as [Value, Value, Value];
      const scores = graph.MatMul(query, graph.Transpose(key, [0, 1, 3, 2]));
      const attention = graph.Softmax(graph.Div(scores, graph.scalar(Math.sqrt(width / heads), x)), -1);
      const mixed = graph.Transpose(graph.MatMul(attention, value), [0, 2, 1, 3]);
      const merged = graph.Reshape(mixed, graph.ints([0, 0, width]));
      y = normalized(graph, graph.Add(y, linear(graph, merged, width, width)), width);
      const inner = graph.op("Gelu", [linear(graph, y, width, 4 * width)]);
      y = normalized(graph, graph.Add(y, linear(graph, inner, 4 * width, width)), width);
    }
    return linear(graph, graph.op("ReduceMean", [y, graph.ints([1])], { attributes: { keepdims: 0 } }), width, classes);
  });
}

/** Dense layers of the sizes given, with ReLU between them. */
export function multilayerPerceptron(sizes: readonly number[]): Model {
  return network(["batch", sizes[0]!], (graph, x) =>
    sizes.slice(1).reduce((y, size, layer) => {
      const z = linear(graph, y, sizes[layer]!, size);
      return layer === sizes.length - 2 ? z : graph.op("Relu", [z]);
    }, x),
  );
}

function normalized(graph: GraphBuilder, x: Value, width: number): Value {
  const [one, nought] = [1, 0].map((number) => graph.constant(filled([width], number))) as [Value, Value];
  return graph.op("LayerNormalization", [x, one, nought], { attributes: { axis: -1 } });
}

function linear(graph: GraphBuilder, x: Value, inner: number, outer: number): Value {
  const product = graph.MatMul(x, weights(graph, [inner, outer], inner));
  return graph.Add(product, graph.constant(filled([outer], 0.01)));
}

function weights(graph: GraphBuilder, shape: Shape, fanIn: number): Value {
  const { data } = noise(shape);
  return graph.constant({ dtype: "float32", shape, data: data.map((each) => each * Math.sqrt(6 / fanIn)) });
}

/** Irregular numbers between -1 and 1, always the same for a shape. */
export function noise(shape: Shape): { dtype: "float32"; shape: Shape; data: Float32Array } {
  const phase = shape.length;
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, index) => {
    const wave = Math.sin((index + 1) * 12.9898 + phase * 78.233) * 43758.5453;
    return 2 * (wave - Math.floor(wave)) - 1;
  });
  return { dtype: "float32", shape, data };
}

function filled(shape: Shape, number: number): AnyTensor {
  return { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)).fill(number) };
}

function network(shape: readonly (number | string)[], build: (graph: GraphBuilder, x: Value) => Value): Model {
  const graph = new GraphBuilder("v/");
  const logits = build(graph, graph.input("x", "float32", shape));
  return {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "bench",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "bench",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: logits.name, dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}
