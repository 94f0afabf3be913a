import { freshPrefix, GraphBuilder, type Model, type Node, type Probe, type Value } from "@casemate/onnx";

/**
 * A copy in which each max-pool is the largest of the places of its windows, each place a strided slice of the whole image:
 * slices are linear and the largest of several numbers has one rule. Padding repeats the border, which adds to a window only
 * what is in it already. Pools with dilation stay.
 */
export function maxPoolAsMax(model: Model, probe: Probe): Model {
  const pools = model.graph.nodes.filter(isPlain);
  if (pools.length === 0) return model;
  const builder = new GraphBuilder(freshPrefix(model.graph, "window"));
  const written = new Map<Node, readonly Node[]>();
  for (const node of pools) {
    const start = builder.nodes.length;
    const name = writeWindows(builder, node, probe);
    const last = builder.nodes.at(-1)!;
    builder.nodes[builder.nodes.length - 1] = { ...last, outputs: [node.outputs[0]!], name };
    written.set(node, builder.nodes.slice(start));
  }
  const nodes = model.graph.nodes.flatMap((node) => written.get(node) ?? [node]);
  const initializers = new Map([...model.graph.initializers, ...builder.initializers]);
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

function isPlain({ op, domain, outputs, attributes }: Node): boolean {
  const { dilations } = attributes;
  return (
    op === "MaxPool" &&
    domain === "" &&
    outputs.filter(Boolean).length === 1 &&
    (dilations?.type !== "ints" || dilations.value.every((each) => each === 1))
  );
}

function writeWindows(graph: GraphBuilder, node: Node, probe: Probe): string {
  const image = probe.value(node.inputs[0]!);
  const result = probe.value(node.outputs[0]!);
  const ints = (name: string): readonly number[] | undefined => {
    const found = node.attributes[name];
    return found?.type === "ints" ? found.value : undefined;
  };
  const auto = node.attributes.auto_pad?.type === "string" ? node.attributes.auto_pad.value : "NOTSET";
  const kernel = ints("kernel_shape")!;
  const axes = kernel.map((_, index) => index + 2);
  const windows = kernel.map((size, index) => {
    const stride = ints("strides")?.[index] ?? 1;
    const [extent, count] = [Number(image.shape![index + 2]), Number(result.shape![index + 2])];
    const covered = (count - 1) * stride + size;
    const missing = Math.max(covered - extent, 0);
    const before = auto.startsWith("SAME")
      ? auto === "SAME_UPPER"
        ? Math.floor(missing / 2)
        : Math.ceil(missing / 2)
      : (ints("pads")?.[index] ?? 0);
    return { size, stride, before, after: Math.max(covered - extent - before, 0), reach: (count - 1) * stride + 1 };
  });
  const isPadded = windows.some(({ before, after }) => before > 0 || after > 0);
  const pads = [...windows.map(({ before }) => before), ...windows.map(({ after }) => after)];
  const padded = isPadded
    ? graph.op("Pad", [image, graph.ints(pads), undefined, graph.ints(axes)], { attributes: { mode: "edge" } })
    : image;
  const places = windows.reduce<readonly (readonly number[])[]>(
    (all, { size }) => all.flatMap((place) => Array.from({ length: size }, (_, offset) => [...place, offset])),
    [[]],
  );
  const parts = places.map(
    (place): Value =>
      graph.Slice(
        padded,
        place,
        place.map((offset, index) => offset + windows[index]!.reach),
        axes,
        windows.map(({ stride }) => stride),
      ),
  );
  graph.Max(...parts);
  return node.name;
}
