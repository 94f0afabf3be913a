import type { Source } from "../../sources/source.ts";
import type { Step } from "./triggers.ts";

/** A float32 matrix of a model's initializers: where its bytes are. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly offset: number;
}

const FEWEST_CLASSES = 5;
const MOST_VALUES = 2 ** 24;
/** In units of the median distance from the median, scaled to a standard deviation. Among ten classes of clean networks 4 is rare. */
const FAR = 8;
const PASSED = new Set([
  "Softmax",
  "LogSoftmax",
  "Identity",
  "Add",
  "Cast",
  "Reshape",
  "Squeeze",
  "Flatten",
  "Sigmoid",
]);

/**
 * The class whose weights in the last layer are far longer than those of all others, as a backdoor leaves them that was put into the last
 * layer (Liu et al., "Trojaning attack on neural networks", NDSS 2018); undefined if there is none. Distances are by the median and the median
 * absolute deviation.
 */
export function outlyingClass(
  steps: readonly Step[],
  output: string,
  matrices: ReadonlyMap<string, Matrix>,
  source: Source,
): { readonly layer: string; readonly index: number; readonly distance: number } | undefined {
  const layer = lastLayer(steps, output, matrices);
  if (!layer) return undefined;
  const { step, matrix, classesAreRows } = layer;
  const lengths = classLengths(matrix, classesAreRows, source);
  if (lengths.length < FEWEST_CLASSES) return undefined;
  const middle = median(lengths);
  const spread = 1.4826 * median(lengths.map((length) => Math.abs(length - middle)));
  if (!(spread > 1e-6 * middle)) return undefined;
  let index = 0;
  for (let each = 1; each < lengths.length; each++) if (lengths[each]! > lengths[index]!) index = each;
  const distance = (lengths[index]! - middle) / spread;
  return distance > FAR ? { layer: step.name || step.outputs[0]!, index, distance } : undefined;
}

/** The Gemm or MatMul from which the output follows through nothing but what keeps classes apart. */
function lastLayer(steps: readonly Step[], output: string, matrices: ReadonlyMap<string, Matrix>) {
  const makers = new Map(steps.flatMap((step) => step.outputs.map((name) => [name, step] as const)));
  let value = output;
  for (let depth = 0; depth < 8; depth++) {
    const step = makers.get(value);
    if (!step) return undefined;
    const matrix = matrices.get(step.inputs[1] ?? "");
    if (step.operator === "MatMul" && matrix) return { step, matrix, classesAreRows: false };
    if (step.operator === "Gemm" && matrix) return { step, matrix, classesAreRows: matrix.rows < matrix.columns };
    if (!PASSED.has(step.operator)) return undefined;
    value = step.inputs.find((name) => makers.has(name)) ?? "";
  }
  return undefined;
}

function classLengths({ rows, columns, offset }: Matrix, classesAreRows: boolean, source: Source): readonly number[] {
  if (rows * columns > MOST_VALUES) return [];
  const bytes = source.read(offset, rows * columns * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const squares = new Float64Array(classesAreRows ? rows : columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = view.getFloat32((row * columns + column) * 4, true);
      squares[classesAreRows ? row : column]! += value * value;
    }
  }
  return [...squares].map(Math.sqrt);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
