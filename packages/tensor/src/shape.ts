import { type Shape, TensorError } from "./tensor.ts";

/** Row-major strides in elements: how far apart neighbours along each axis lie. */
export function strides(shape: Shape): number[] {
  const result = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    result[axis] = stride;
    stride *= shape[axis]!;
  }
  return result;
}

/** The shape that all of `shapes` broadcast to by NumPy's rule (also ONNX's). Throws a TensorError if they do not. */
export function broadcastShapes(...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let axis = rank - shape.length; axis < rank; axis++) {
      const dimension = shape[axis - rank + shape.length]!;
      if (dimension === 1 || dimension === result[axis]) continue;
      if (result[axis] !== 1) {
        const all = shapes.map((each) => `[${each}]`).join(" and ");
        throw new TensorError("SHAPE_MISMATCH", `broadcast: ${all} do not fit together at axis ${axis}`);
      }
      result[axis] = dimension;
    }
  }
  return result;
}
