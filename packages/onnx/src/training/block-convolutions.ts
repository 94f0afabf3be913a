import { freshPrefix } from "../fresh-names.ts";
import { type AttributeLike, GraphBuilder } from "../graph-builder.ts";
import { initializerTensor } from "../initializer.ts";
import type { Graph, Initializer, Model, Node } from "../model.ts";
import type { Value } from "../value.ts";

/**
 * A copy whose two-dimensional convolutions by weights that are inputs, turned round or not, run in the runtime's blocked layout,
 * which it chooses itself for constant weights only: with the reordering before and after, two thirds of the time. `block` is
 * how many channels lie side by side; convolutions with other channels than multiples of it stay, as do those of one place.
 */
export function blockConvolutions(model: Model, block: number): Model {
  const { graph } = model;
  const builder = new GraphBuilder(freshPrefix(graph, "blocked"));
  const shapeOf = weightShapes(graph);
  const images = new Map<string, Value>();
  const nodes = graph.nodes.flatMap((node) => {
    const weightShape = node.op === "Conv" && node.domain === "" ? shapeOf(node.inputs[1]!) : undefined;
    if (!weightShape || !isBlockable(node, weightShape, block)) return [node];
    const before = builder.nodes.length;
    const [x, weight, bias] = node.inputs.map((name): Value => ({ name, dtype: "float32", shape: undefined }));
    const image = images.get(x!.name) ?? reordered(builder, x!);
    images.set(x!.name, image);
    const parts = [image, weight!, ...(bias?.name ? [bias] : [])];
    blockedConvolution(builder, parts, { attributes: node.attributes, weightShape, block, isReordered: true });
    const written = builder.nodes.slice(before);
    return [...written.slice(0, -1), { ...written.at(-1)!, outputs: node.outputs }];
  });
  if (images.size === 0) return model;
  const initializers = new Map([...graph.initializers, ...builder.initializers]);
  return {
    ...model,
    opsets: new Map([...model.opsets, [DOMAIN, 1]]),
    graph: { ...graph, nodes, initializers },
  };
}

const DOMAIN = "com.microsoft.nchwc"; // not part of the runtime's documented operators: see `channelBlock`

/** [batch, channels / block, …, block], under the shape of `x`. */
export function reordered(graph: GraphBuilder, x: Value): Value {
  return graph.op("ReorderInput", [x], { domain: DOMAIN });
}

interface Blocked {
  readonly attributes: Readonly<Record<string, AttributeLike>>;
  readonly weightShape: readonly number[];
  readonly block: number;
  /** The image comes in the blocked layout already. */
  readonly isReordered?: boolean;
}

/** The convolution of an image by a weight, plus a bias. */
export function blockedConvolution(
  graph: GraphBuilder,
  [x, weight, bias]: readonly Value[],
  { attributes, weightShape, block, isReordered = false }: Blocked,
): Value {
  const [out, inner, ...kernel] = weightShape as [number, number, ...number[]];
  const tiles = graph.Reshape(weight!, graph.ints([out / block, block, inner / block, block, ...kernel]));
  const filters = graph.Reshape(graph.Transpose(tiles, [0, 2, 4, 5, 3, 1]), graph.ints(weightShape));
  const image = isReordered ? x! : reordered(graph, x!);
  const all = { group: 1, dilations: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], kernel_shape: kernel, ...attributes };
  const response = graph.op("Conv", [image, filters, bias], { attributes: all, domain: DOMAIN });
  return graph.op("ReorderOutput", [response], { attributes: { channels: out }, domain: DOMAIN });
}

function isBlockable({ attributes }: Node, [out, inner, ...kernel]: readonly number[], block: number): boolean {
  const isPlain = attributes.auto_pad === undefined && (attributes.group?.value ?? 1) === 1;
  return isPlain && kernel.length === 2 && kernel[0]! * kernel[1]! > 1 && out! % block === 0 && inner! % block === 0;
}

/** The shapes of inputs, and of what is an input with axes swapped and turned round. */
function weightShapes({ inputs, nodes, initializers }: Graph): (name: string) => readonly number[] | undefined {
  const declared = new Map(inputs.map(({ name, shape }) => [name, shape]));
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const shapeOf = (name: string): readonly number[] | undefined => {
    const shape = declared.get(name);
    if (shape) return shape.every((size) => typeof size === "number") ? (shape as readonly number[]) : undefined;
    const node = producers.get(name);
    const [from, starts, , , steps] = node?.inputs ?? [];
    if (node?.op === "Slice" && [starts, steps].every((each) => isMinusOnes(initializers.get(each!))))
      return shapeOf(from!);
    if (node?.op === "Transpose" && node.attributes.perm?.type === "ints") {
      const before = shapeOf(from!);
      return before && node.attributes.perm.value.map((axis) => before[axis]!);
    }
    return undefined;
  };
  return shapeOf;
}

/** The starts and the steps of what is turned round as a whole. */
function isMinusOnes(list: Initializer | undefined): boolean {
  const found = list && initializerTensor(list);
  return found?.dtype === "int64" && found.data.every((each) => each === -1n);
}
