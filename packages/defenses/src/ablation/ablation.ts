import type { Classifier } from "@casemate/attacks";
import { sizeOf } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { pictureOf } from "../purification/wrap-model.ts";

/** What is left of a picture when all else is hidden: some columns, some rows, or a square block, going round at the edges. */
export interface Ablation {
  readonly kind: "column" | "row" | "block";
  /** Columns, rows or pixels along a side that are left. */
  readonly size: number;
  /** What hidden features hold, in the units of the bounds; the middle of each feature's range if absent. */
  readonly fill?: number;
}

/** An ablation for pictures of one shape. */
export interface Ablator {
  /** How many places there are for what is left. */
  readonly positions: number;
  /** Writes the sample that begins at `start` of `x` to `target`, hidden but for what is left at `position`. */
  ablate(target: Float32Array, x: Float32Array, start: number, position: number): void;
  /** At how many positions something of a patch of so many rows and columns is left, wherever it lies. */
  reached(patch: readonly [height: number, width: number]): number;
}

/**
 * Structured ablation (Levine & Feizi, 2020, https://arxiv.org/abs/2002.10733, which calls columns bands). Features that are no
 * picture are one row of pixels. The authors hide pixels by channels [x, 1 − x] that are both 0: give such samples, and `fill` 0, for
 * the same. Throws a DefenseError INVALID_OPTION for a size that leaves nothing or everything.
 */
export function ablatorFor(
  where: string,
  { kind, size, fill }: Ablation,
  { inputShape, layout, bounds }: Pick<Classifier, "inputShape" | "layout" | "bounds">,
): Ablator {
  const { picture, isLast } = pictureOf({ inputShape, ...(layout && { layout }) });
  const { channels, height, width } = picture;
  const features = sizeOf(inputShape);
  const most = kind === "column" ? width : kind === "row" ? height : Math.max(height, width);
  if (!(Number.isInteger(size) && size >= 1 && size < most)) {
    throw new DefenseError("INVALID_OPTION", `${where}: expected a whole size from 1 below ${most}, got ${size}`);
  }
  if (fill !== undefined && !Number.isFinite(fill)) {
    throw new DefenseError("INVALID_OPTION", `${where}: expected a finite fill, got ${fill}`);
  }
  const at = (side: number | Float32Array, j: number) => (typeof side === "number" ? side : side[j]!);
  const hidden = Float32Array.from(
    { length: features },
    (_, j) => fill ?? (at(bounds.lower, j) + at(bounds.upper, j)) / 2,
  );
  const rowOf = (j: number) => Math.floor(j / (isLast ? channels * width : width)) % height;
  const columnOf = (j: number) => (isLast ? Math.floor(j / channels) : j) % width;
  const rows = kind === "column" ? 1 : height; // positions along the axis
  const columns = kind === "row" ? 1 : width;
  const steps = {
    row: Uint32Array.from(hidden, (_, j) => rowOf(j)),
    column: Uint32Array.from(hidden, (_, j) => columnOf(j)),
  };
  const touched = (extent: number, patch: number) => Math.min(extent, patch + size - 1);
  return {
    positions: rows * columns,
    ablate(target, x, start, position) {
      const top = Math.floor(position / columns);
      const left = position % columns;
      for (let j = 0; j < features; j++) {
        const isLeft =
          (kind === "column" || (steps.row[j]! - top + height) % height < size) &&
          (kind === "row" || (steps.column[j]! - left + width) % width < size);
        target[j] = isLeft ? x[start + j]! : hidden[j]!;
      }
    },
    reached: ([patchHeight, patchWidth]) =>
      (kind === "column" ? 1 : touched(height, patchHeight)) * (kind === "row" ? 1 : touched(width, patchWidth)),
  };
}
