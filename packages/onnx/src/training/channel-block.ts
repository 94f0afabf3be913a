import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { GraphBuilder } from "../graph-builder.ts";
import { openSession } from "../session.ts";
import type { Value } from "../value.ts";
import { blockedConvolution, reordered } from "./block-convolutions.ts";

/**
 * How many channels the runtime keeps side by side in its blocked layout on this processor (16 with AVX-512, 8 with AVX2), found
 * by running its operators; undefined where it has none, or where a blocked convolution does not give what the plain one does.
 */
export async function channelBlock(): Promise<number | undefined> {
  try {
    const [layout] = await run([ramp([1, CHANNELS, 1, 2])], (graph, x) => [reordered(graph, x!)]);
    const block = layout!.findIndex((each, i) => each !== 2 * i); // of x[channel, column] = 2 channel + column
    if (block !== 8 && block !== 16) return undefined;
    const inputs = [wave([2, CHANNELS, 4, 5]), wave([CHANNELS, CHANNELS, 3, 2])];
    const attributes = { kernel_shape: [3, 2], pads: [1, 0, 1, 1], strides: [1, 2], dilations: [1, 1] };
    const [plain, blocked] = await run(inputs, (graph, x, weight) => [
      graph.op("Conv", [x, weight], { attributes }),
      blockedConvolution(graph, [x!, weight!], { attributes, weightShape: inputs[1]!.shape, block }),
    ]);
    const largest = Math.max(...plain!.map(Math.abs));
    return plain!.every((each, i) => Math.abs(each - blocked![i]!) <= 1e-5 * largest) ? block : undefined;
  } catch {
    return undefined; // the operators are the runtime's own, and nothing depends on their being there
  }
}

const CHANNELS = 32; // several blocks of either size

async function run(
  inputs: readonly Tensor[],
  build: (graph: GraphBuilder, ...inputs: Value[]) => Value[],
): Promise<Float32Array[]> {
  const graph = new GraphBuilder("block/");
  const names = inputs.map((_, index) => `input${index}`);
  const outputs = build(graph, ...names.map((name, index) => graph.input(name, "float32", inputs[index]!.shape)));
  const session = await openSession(
    {
      irVersion: 10,
      opsets: new Map([
        ["", 20],
        ["com.microsoft.nchwc", 1],
      ]),
      producer: "",
      metadata: new Map(),
      functions: [],
      graph: {
        name: "block",
        nodes: graph.nodes,
        inputs: graph.inputs,
        outputs: outputs.map(({ name }) => ({ name, dtype: "float32", shape: undefined, kind: "tensor" })),
        initializers: graph.initializers,
      },
    },
    { threads: 1 },
  );
  try {
    const results = await session.run(Object.fromEntries(names.map((name, index) => [name, inputs[index]!])));
    return outputs.map(({ name }) => (results[name] as Tensor).data);
  } finally {
    await session.dispose();
  }
}

function ramp(shape: readonly number[]): Tensor {
  return tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => i),
  );
}

function wave(shape: readonly number[]): Tensor {
  return tensor(
    shape,
    ramp(shape).data.map((i) => Math.sin(i * (i % 7))),
  );
}
