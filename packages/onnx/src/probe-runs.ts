import { type AnyTensor, type DType, type Shape, type Storage, sizeOf } from "@casemate/tensor";
import { OnnxError } from "./errors.ts";
import type { Dimension, Model, ValueInfo } from "./model.ts";
import type { Feeds } from "./probe.ts";
import { openSession } from "./session.ts";

/** Sizes tried for a free axis that no sample fixes, in this order: short sequences, then common image sizes. */
const guesses = [7, 32, 64, 128, 224, 256, 299, 384, 512, 1];
const baseBatch = 2; // not 1, so that it is never mistaken for a broadcast axis

// By one, and by so much that what is left after strides of 32 in all varies too.
const increments = [1, 32];

/**
 * Feeds that vary each free axis of the model's inputs on its own: a base run, then runs with more of it.
 * An axis that the model does not really allow to vary stays as in the base run.
 * Throws an OnnxError SHAPE_MISMATCH if no size that was tried runs; a sample then says the sizes.
 */
export async function probeRuns(model: Model, sample: Feeds = {}): Promise<readonly Feeds[]> {
  const axes = freeAxes(model.graph.inputs, sample);
  const session = await openSession(model, { optimize: false });
  try {
    const runs = async (sizes: ReadonlyMap<string, number>): Promise<Feeds | Error> => {
      const feeds = feedsFor(model.graph.inputs, sizes, sample);
      try {
        await session.run(
          feeds,
          model.graph.outputs.slice(0, 1).map((output) => output.name),
        );
        return feeds;
      } catch (error) {
        return error as Error;
      }
    };
    const { sizes, feeds } = await firstThatRuns(axes, runs);
    const varied: Feeds[] = [];
    for (const axis of axes) {
      for (const more of axis.isBatch ? [1] : increments) {
        const result = await runs(new Map(sizes).set(axis.symbol, sizes.get(axis.symbol)! + more));
        if (!(result instanceof Error)) {
          varied.push(result);
        }
      }
    }
    return [feeds, ...varied];
  } finally {
    await session.dispose();
  }
}

interface FreeAxis {
  readonly symbol: string;
  readonly isBatch: boolean;
  readonly known?: number;
}

function freeAxes(inputs: readonly ValueInfo[], sample: Feeds): FreeAxis[] {
  const axes = new Map<string, FreeAxis>();
  for (const input of inputs) {
    const shape = shapeOf(input, sample);
    shape.forEach((dimension, axis) => {
      if (typeof dimension !== "number") {
        const symbol = symbolOf(input, dimension, axis);
        const known = axis === 0 ? undefined : sample[input.name]?.shape[axis];
        const earlier = axes.get(symbol);
        axes.set(symbol, {
          symbol,
          isBatch: axis === 0 || (earlier?.isBatch ?? false),
          known: known ?? earlier?.known,
        });
      }
    });
  }
  return [...axes.values()];
}

function shapeOf(input: ValueInfo, sample: Feeds): readonly Dimension[] {
  const shape = input.shape ?? sample[input.name]?.shape.map(() => undefined);
  if (!shape) {
    throw new OnnxError("SHAPE_MISMATCH", `input '${input.name}': expected a declared rank or a sample, got neither`);
  }
  return shape;
}

function symbolOf(input: ValueInfo, dimension: Dimension, axis: number): string {
  return typeof dimension === "string" && dimension !== "" ? dimension : `${input.name}#${axis}`;
}

async function firstThatRuns(
  axes: readonly FreeAxis[],
  runs: (sizes: ReadonlyMap<string, number>) => Promise<Feeds | Error>,
): Promise<{ sizes: ReadonlyMap<string, number>; feeds: Feeds }> {
  const open = axes.some((axis) => !axis.isBatch && axis.known === undefined);
  let failure: Error | undefined;
  for (const batch of [baseBatch, 1]) {
    for (const guess of open ? guesses : [0]) {
      const sizes = new Map(axes.map((axis) => [axis.symbol, axis.isBatch ? batch : (axis.known ?? guess)]));
      const feeds = await runs(sizes);
      if (!(feeds instanceof Error)) {
        return { sizes, feeds };
      }
      failure ??= feeds;
    }
  }
  throw new OnnxError("SHAPE_MISMATCH", `the model ran with none of the input sizes tried: ${failure?.message}`, {
    cause: failure,
  });
}

function feedsFor(inputs: readonly ValueInfo[], sizes: ReadonlyMap<string, number>, sample: Feeds): Feeds {
  return Object.fromEntries(
    inputs.map((input) => {
      const shape = shapeOf(input, sample).map((dimension, axis) =>
        typeof dimension === "number" ? dimension : sizes.get(symbolOf(input, dimension, axis))!,
      );
      return [input.name, exampleOf(input, shape, sample[input.name])];
    }),
  );
}

/** The sample's numbers, repeated as often as needed; without a sample a ramp within [0, 1), zeros for integers. */
export function exampleOf(input: ValueInfo, shape: Shape, sample?: AnyTensor): AnyTensor {
  const length = sizeOf(shape);
  const from = sample && sample.data.length > 0 ? sample : undefined;
  const at = (index: number): number => (from ? Number(from.data[index % from.data.length]) : (index * 0.618034) % 1);
  const make = <D extends DType>(dtype: D, data: Storage[D]): AnyTensor =>
    ({ dtype, shape, data }) as unknown as AnyTensor;
  switch (input.dtype) {
    case "float32":
      return make(
        "float32",
        Float32Array.from({ length }, (_, index) => at(index)),
      );
    case "float64":
      return make(
        "float64",
        Float64Array.from({ length }, (_, index) => at(index)),
      );
    case "float16":
      return make(
        "float16",
        Uint16Array.from({ length }, (_, index) => (from ? at(index) : 0x3800)),
      );
    case "bfloat16":
      return make(
        "bfloat16",
        Uint16Array.from({ length }, (_, index) => (from ? at(index) : 0x3f00)),
      );
    case "int64":
      return make(
        "int64",
        BigInt64Array.from({ length }, (_, index) => BigInt(from ? at(index) : 0)),
      );
    case "uint64":
      return make(
        "uint64",
        BigUint64Array.from({ length }, (_, index) => BigInt(from ? at(index) : 0)),
      );
    case "int32":
      return make(
        "int32",
        Int32Array.from({ length }, (_, index) => (from ? at(index) : 0)),
      );
    case "uint32":
      return make(
        "uint32",
        Uint32Array.from({ length }, (_, index) => (from ? at(index) : 0)),
      );
    case "int16":
      return make(
        "int16",
        Int16Array.from({ length }, (_, index) => (from ? at(index) : 0)),
      );
    case "uint16":
      return make(
        "uint16",
        Uint16Array.from({ length }, (_, index) => (from ? at(index) : 0)),
      );
    case "int8":
      return make(
        "int8",
        Int8Array.from({ length }, (_, index) => (from ? at(index) : 0)),
      );
    case "uint8":
      return make(
        "uint8",
        Uint8Array.from({ length }, (_, index) => (from ? at(index) : 0)),
      );
    case "bool":
      return make(
        "bool",
        Uint8Array.from({ length }, (_, index) => (from ? at(index) : 1)),
      );
    case "string":
      return make(
        "string",
        Array.from({ length }, (_, index) => (from ? String(from.data[index % from.data.length]) : "")),
      );
    default:
      throw new OnnxError(
        "UNSUPPORTED_OPERATOR",
        `input '${input.name}': expected a type that tensors can hold, got ${input.dtype}`,
      );
  }
}
