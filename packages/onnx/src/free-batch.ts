import { sizeOf, type Tensor } from "@casemate/tensor";
import { initializerTensor, tensorInitializer } from "./initializer.ts";
import type { Initializer, Model, Node, ValueInfo } from "./model.ts";
import { exampleOf } from "./probe-runs.ts";
import { openSession } from "./session.ts";

/**
 * Frees a batch size that the exporter fixed: a copy with the first axis of the inputs open, where `Reshape` and `Expand` keep
 * whatever batch comes. Returns undefined if the copy does not give for two samples what the model gives for each of them;
 * samples then have to run one batch of the fixed size at a time.
 */
export async function freeBatch(model: Model): Promise<Model | undefined> {
  const batch = model.graph.inputs[0]?.shape?.[0];
  if (typeof batch !== "number" || model.graph.inputs.some((input) => input.shape?.[0] !== batch)) {
    return undefined;
  }
  const freed = withFreeBatch(model, batch);
  return (await givesTheSame(model, freed, batch)) ? freed : undefined;
}

function withFreeBatch(model: Model, batch: number): Model {
  const { graph } = model;
  const initializers = new Map<string, Initializer>(graph.initializers);
  const nodes = graph.nodes.map((node): Node => {
    const shape = node.op === "Reshape" || node.op === "Expand" ? readShape(node.inputs[1]!, model) : undefined;
    if (!shape || shape[0] !== batch || shape.length < 2) {
      return node;
    }
    const first = node.op === "Expand" ? 1 : shape.includes(-1) ? 0 : -1;
    const name = `${node.outputs[0]}/free-batch-shape`;
    initializers.set(
      name,
      tensorInitializer(name, {
        dtype: "int64",
        shape: [shape.length],
        data: BigInt64Array.from([first, ...shape.slice(1)], BigInt),
      }),
    );
    return { ...node, inputs: [node.inputs[0]!, name] };
  });
  const open = (value: ValueInfo): ValueInfo => ({
    ...value,
    shape: value.shape && ["batch", ...value.shape.slice(1)],
  });
  const outputs = graph.outputs.map((output) => ({ ...output, shape: undefined }));
  return { ...model, graph: { ...graph, nodes, initializers, inputs: graph.inputs.map(open), outputs } };
}

function readShape(name: string, model: Model): readonly number[] | undefined {
  const constant = model.graph.nodes.find((node) => node.op === "Constant" && node.outputs[0] === name)?.attributes
    .value;
  const initializer = constant?.type === "tensor" ? constant.value : model.graph.initializers.get(name);
  return initializer && Array.from(initializerTensor(initializer).data as BigInt64Array, Number);
}

async function givesTheSame(model: Model, freed: Model, batch: number): Promise<boolean> {
  const output = model.graph.outputs.find((each) => each.kind === "tensor" && each.dtype === "float32")?.name;
  const isSimple = model.graph.inputs.every(
    (input) => input.dtype === "float32" && input.shape?.every((size) => typeof size === "number"),
  );
  if (!output || !isSimple) {
    return false;
  }
  const both = model.graph.inputs.map(
    (input) => exampleOf(input, [2 * batch, ...(input.shape as number[]).slice(1)]) as Tensor,
  );
  const part = (index: number) =>
    Object.fromEntries(
      both.map((tensor, position) => {
        const shape = [batch, ...tensor.shape.slice(1)];
        const size = sizeOf(shape);
        return [
          model.graph.inputs[position]!.name,
          { ...tensor, shape, data: tensor.data.slice(index * size, (index + 1) * size) },
        ];
      }),
    );
  const fixedSession = await openSession(model);
  try {
    const expected = [];
    for (const index of [0, 1]) {
      expected.push(...((await fixedSession.run(part(index), [output]))[output] as Tensor).data);
    }
    const freeSession = await openSession(freed);
    try {
      const feeds = Object.fromEntries(model.graph.inputs.map((input, index) => [input.name, both[index]!]));
      const got = ((await freeSession.run(feeds, [output]))[output] as Tensor).data;
      return (
        got.length === expected.length &&
        expected.every((number, index) => Math.abs(number - got[index]!) <= 1e-4 * (1 + Math.abs(number)))
      );
    } finally {
      await freeSession.dispose();
    }
  } catch {
    return false; // the runtime refuses the copy: some operator needs the batch as exported
  } finally {
    await fixedSession.dispose();
  }
}
