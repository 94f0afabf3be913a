import { sizeOf, type Tensor, TensorError } from "./tensor.ts";

/** A new tensor of the rows (entries along the first axis) of `source` that `rows` names, in that order. */
export function takeRows({ dtype, shape, data }: Tensor, rows: ArrayLike<number>): Tensor {
  const width = sizeOf(shape.slice(1));
  const taken = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) {
    const from = checkRow(rows[i]!, shape) * width;
    taken.set(data.subarray(from, from + width), i * width);
  }
  return { dtype, shape: [rows.length, ...shape.slice(1)], data: taken };
}

/** Writes the rows of `source`, in order, over the rows of `target` that `rows` names: the inverse of takeRows. */
export function putRows(target: Tensor, rows: ArrayLike<number>, source: Tensor): void {
  const width = sizeOf(target.shape.slice(1));
  if (source.data.length !== rows.length * width) {
    throw new TensorError(
      "SHAPE_MISMATCH",
      `putRows: expected ${rows.length} rows of ${width} elements, got ${source.data.length} elements`,
    );
  }
  for (let i = 0; i < rows.length; i++) {
    target.data.set(source.data.subarray(i * width, (i + 1) * width), checkRow(rows[i]!, target.shape) * width);
  }
}

function checkRow(row: number, shape: readonly number[]): number {
  if (Number.isInteger(row) && row >= 0 && row < shape[0]!) return row;
  throw new TensorError("OUT_OF_RANGE", `rows: expected a row of [${shape}], got ${row}`);
}
