import { type Draw, fillUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import { type ImageShape, imageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";

export interface SpatialOptions {
  /** Largest shift in pixels, and how many shifts per axis. */
  readonly shift?: number;
  readonly shifts?: number;
  /** Largest rotation in degrees, and how many rotations. */
  readonly rotation?: number;
  readonly rotations?: number;
  /** Poses drawn at random for each sample, instead of the grid: 10 are the paper's "worst of 10". */
  readonly draws?: number;
}

/**
 * Rotates and shifts images over a grid (Engstrom et al., 2019, https://arxiv.org/abs/1712.02779), smallest changes first; what
 * comes in from outside is the lower bound. The defaults are the paper's grid of 775 for MNIST and CIFAR-10; for ImageNet it shifts
 * by up to 24 pixels. Not bounded by a ball: the threat only says how the distance is measured.
 */
export function spatial({
  shift = 3,
  shifts = 5,
  rotation = 30,
  rotations = 31,
  draws = 0,
}: SpatialOptions = {}): Attack {
  const poses = posesOf({ shift, shifts, rotation, rotations });
  return {
    name: "Spatial",
    access: "decision",
    aim: "anywhere",
    norms: ["linf", "l2", "l1"],
    restarts: 0,
    parameters: { shift, shifts, rotation, rotations, draws },
    citation: { text: "Engstrom et al., 2019", url: "https://arxiv.org/abs/1712.02779" },
    async *attempt(search) {
      const shape = imageShape(search.model);
      if (!shape) {
        throw new AttackError(
          "UNSUPPORTED_MODEL",
          `Spatial: expected images, got inputs of [${search.model.inputShape}]`,
        );
      }
      const { lower } = search.model.bounds;
      const steps = draws > 0 ? draws : poses.length;
      for (let step = 1; step <= steps; step++) {
        for (let row = 0; row < search.active; row++) {
          const pose = draws > 0 ? randomPose(search.draw(row, step), shift, rotation) : poses[step - 1]!;
          transform(search.origin.row(row), search.x.row(row), shape, pose, lower);
        }
        await search.evaluate();
        yield { step, steps };
      }
    },
  };
}

interface Pose {
  readonly degrees: number;
  readonly down: number;
  readonly right: number;
}

/** All poses of the grid but the upright one, the least changed first. */
function posesOf({ shift, shifts, rotation, rotations }: Required<Omit<SpatialOptions, "draws">>): Pose[] {
  const grid = (limit: number, count: number) =>
    Array.from({ length: count }, (_, i) => (count === 1 ? 0 : limit * ((2 * i) / (count - 1) - 1)));
  const size = ({ degrees, down, right }: Pose) =>
    Math.abs(degrees) / (rotation || 1) + (Math.abs(down) + Math.abs(right)) / (shift || 1);
  return grid(rotation, rotations)
    .flatMap((degrees) =>
      grid(shift, shifts).flatMap((down) => grid(shift, shifts).map((right) => ({ degrees, down, right }))),
    )
    .filter((pose) => size(pose) > 0)
    .sort((a, b) => size(a) - size(b));
}

function randomPose(draw: Draw, shift: number, rotation: number): Pose {
  const [turn, down, right] = fillUniform(new Float32Array(3), draw, -1, 1) as unknown as [number, number, number];
  return { degrees: rotation * turn, down: shift * down, right: shift * right };
}

/** Rotates counter-clockwise about the middle, then shifts, with bilinear interpolation. */
export function transform(
  image: Float32Array,
  target: Float32Array,
  shape: ImageShape,
  { degrees, down, right }: Pose,
  background: number | Float32Array,
): void {
  const { channels, height, width, channelStride, rowStride, columnStride } = shape;
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [middleRow, middleColumn] = [(height - 1) / 2, (width - 1) / 2];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [r, c] = [row - down - middleRow, column - right - middleColumn];
      const fromRow = cos * r + sin * c + middleRow;
      const fromColumn = -sin * r + cos * c + middleColumn;
      const top = Math.floor(fromRow);
      const left = Math.floor(fromColumn);
      for (let channel = 0; channel < channels; channel++) {
        const at = (y: number, x: number): number => {
          const feature = channel * channelStride + y * rowStride + x * columnStride;
          const isInside = y >= 0 && y < height && x >= 0 && x < width;
          return isInside ? image[feature]! : valueAt(background, channel * channelStride);
        };
        const [dy, dx] = [fromRow - top, fromColumn - left];
        const upper = (1 - dx) * at(top, left) + dx * at(top, left + 1);
        const lower = (1 - dx) * at(top + 1, left) + dx * at(top + 1, left + 1);
        target[channel * channelStride + row * rowStride + column * columnStride] = (1 - dy) * upper + dy * lower;
      }
    }
  }
}
