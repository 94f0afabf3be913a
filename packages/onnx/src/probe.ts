import { type AnyTensor, type DType, sizeOf } from "@casemate/tensor";
import { OnnxError } from "./errors.ts";
import { initializerTensor } from "./initializer.ts";
import type { Model, Node } from "./model.ts";
import { openSession } from "./session.ts";
import type { Extent, Value } from "./value.ts";

export type Feeds = Readonly<Record<string, AnyTensor>>;

/** What runs of a model showed about its values. */
export interface Probe {
  /** Element type and shape of a value; throws an OnnxError SHAPE_MISMATCH for one that no run saw. */
  value(name: string): Value;
  /** What a value holds where it is the same in every run and follows from weights and shapes alone. */
  constant(name: string): AnyTensor | undefined;
  /** The shapes of a value, one per run. */
  observed(name: string): readonly (readonly number[])[];
}

/**
 * Learns shapes by running: the model runs once per entry of `runs`, with every intermediate value as an output. An axis
 * that has one size in all runs is a number, any other a string of the sizes seen. Values come back in groups of
 * `groupSize`, so that not all of them are held at once.
 */
export async function probe(model: Model, runs: readonly Feeds[], groupSize = 48): Promise<Probe> {
  const names = [...new Set(model.graph.nodes.filter(hasTensorResults).flatMap((node) => node.outputs))].filter(
    Boolean,
  );
  const derived = derivedFromShapes(model);
  const shapes = new Map<string, (readonly number[])[]>();
  const types = new Map<string, DType>();
  const constants = new Map<string, AnyTensor>();
  const varying = new Set<string>();

  const observe = (name: string, tensor: AnyTensor): void => {
    const seen = shapes.get(name);
    if (seen) {
      seen.push(tensor.shape);
    } else {
      shapes.set(name, [tensor.shape]);
    }
    types.set(name, tensor.dtype);
    if (!derived.has(name) || (sizeOf(tensor.shape) > 4096 && !tensor.dtype.startsWith("int"))) {
      return;
    }
    const known = constants.get(name);
    if (known && !isSame(known, tensor)) {
      varying.add(name);
    }
    constants.set(name, known ?? tensor);
  };

  for (const [name, initializer] of model.graph.initializers) {
    shapes.set(
      name,
      runs.map(() => initializer.shape),
    );
    types.set(name, initializer.dtype as DType);
  }
  const session = await openSession(withOutputs(model, names), { optimize: false });
  try {
    for (const feeds of runs) {
      for (const [name, tensor] of Object.entries(feeds)) {
        observe(name, tensor);
      }
      for (let start = 0; start < names.length; start += groupSize) {
        const results = await session.run(feeds, names.slice(start, start + groupSize));
        for (const [name, tensor] of Object.entries(results)) {
          observe(name, tensor);
        }
      }
    }
  } finally {
    await session.dispose();
  }

  const observed = (name: string): (readonly number[])[] => {
    const seen = shapes.get(name);
    if (!seen) {
      throw new OnnxError(
        "SHAPE_MISMATCH",
        `'${name}': expected a tensor of the graph, got a name that no run produced`,
      );
    }
    return seen;
  };
  return {
    observed,
    value: (name) => ({ name, dtype: types.get(name) ?? "float32", shape: extentsOf(observed(name)) }),
    constant: (name) => {
      const initializer = model.graph.initializers.get(name);
      if (initializer) {
        return initializerTensor(initializer);
      }
      return varying.has(name) ? undefined : constants.get(name);
    },
  };
}

/** Opens the model with these values as its only outputs; the runtime finds out their types. */
function withOutputs(model: Model, names: readonly string[]): Model {
  const outputs = names.map((name) => ({ name, dtype: "undefined", shape: undefined, kind: "tensor" }) as const);
  return { ...model, graph: { ...model.graph, outputs } };
}

function extentsOf(shapes: readonly (readonly number[])[]): Extent[] {
  return shapes[0]!.map((extent, axis) => {
    const sizes = shapes.map((shape) => shape[axis]!);
    return sizes.every((size) => size === extent) ? extent : sizes.join("/");
  });
}

/** Names of the values that follow from weights and shapes alone, whatever the inputs hold. */
function derivedFromShapes(model: Model): ReadonlySet<string> {
  const derived = new Set<string>(model.graph.initializers.keys());
  for (const node of model.graph.nodes) {
    const isDerived =
      node.op === "Shape" ||
      node.op === "Size" ||
      (!/^(Random|Bernoulli|Multinomial|If|Loop|Scan)/.test(node.op) &&
        node.inputs.every((name) => name === "" || derived.has(name)));
    if (isDerived) {
      for (const name of node.outputs) {
        derived.add(name);
      }
    }
  }
  return derived;
}

function hasTensorResults(node: Node): boolean {
  return (
    node.op !== "ZipMap" &&
    !node.op.startsWith("Sequence") &&
    !node.op.startsWith("Optional") &&
    !node.op.startsWith("SplitToSequence")
  );
}

function isSame(a: AnyTensor, b: AnyTensor): boolean {
  return (
    a.shape.join() === b.shape.join() &&
    Array.prototype.every.call(a.data, (item, index) => Object.is(item, b.data[index]))
  );
}
