import type { Attack } from "../attack.ts";
import type { Search } from "../engine/search.ts";
import { AttackError } from "../errors.ts";
import { type ImageShape, imageShape } from "../image.ts";
import { crossEntropyAt, scorePoints } from "./score-points.ts";
import { shuffled } from "./shuffle.ts";

export interface SimbaOptions {
  /** Directions: single features, or waves of the discrete cosine transform, the long ones first. */
  readonly basis?: "pixel" | "dct";
  /** Directions tried at most, one or two queries each; never more than there are. */
  readonly steps?: number;
  /** Length of a step in units of the input. */
  readonly stepSize?: number;
}

/**
 * Simple black-box attack (Guo et al., 2019, https://arxiv.org/abs/1905.07121): takes one direction of an orthonormal basis
 * after the other, in random order, and keeps a step back or forth along it if that makes the label less probable. In a ball
 * too large to matter this is the paper's attack; in a smaller one, steps are brought back into it. Improvements are seen in
 * the logarithm of the probability, which does not saturate.
 */
export function simba({ basis = "pixel", steps = 3000, stepSize = 0.2 }: SimbaOptions = {}): Attack {
  return {
    name: basis === "pixel" ? "SimBA" : "SimBA-DCT",
    access: "score",
    aim: "inside",
    norms: ["l2", "linf"],
    restarts: 0,
    parameters: { basis, steps, stepSize },
    citation: { text: "Guo et al., 2019", url: "https://arxiv.org/abs/1905.07121" },
    async *attempt(search) {
      const { threat, model, width, x, origin } = search;
      const directions = basis === "pixel" ? features(search) : waves(search);
      const most = Math.min(steps, directions.count);
      const order = search.floats(most); // whole numbers below 2^24
      const climbed = search.doubles();
      for (let row = 0; row < search.active; row++) order.row(row).set(directions.order(row).subarray(0, most));
      await search.evaluate();
      for (let row = 0; row < search.active; row++) {
        climbed.values[row] = crossEntropyAt(search, row, { logits: search.logits.values }, row);
      }

      /** Moves the rows along their direction of this step; gives those that it did not help. */
      const tryStep = async (rows: readonly number[], step: number, length: number): Promise<number[]> => {
        const place = (index: number, point: Float32Array) => {
          const row = rows[index]!;
          point.set(x.row(row));
          directions.move(order.row(row)[step]!, length, point);
          search.pin(row, point);
          threat.project(point, origin.row(row), width, model.bounds);
        };
        const scores = await scorePoints(search, rows, place);
        return rows.filter((row, index) => {
          const loss = crossEntropyAt(search, row, scores, index);
          if (!(loss > climbed.values[row]!)) return true;
          climbed.values[row] = loss;
          place(index, x.row(row));
          return false;
        });
      };

      for (let step = 0; step < most && search.active > 0; step++) {
        const all = Array.from({ length: search.active }, (_, row) => row);
        const left = await tryStep(all, step, -stepSize);
        if (left.length > 0) await tryStep(left, step, stepSize);
        search.dismiss();
        yield { step: step + 1, steps: most };
      }
      if (search.active > 0) await search.evaluate();
    },
  };
}

interface Directions {
  readonly count: number;
  /** The directions in the order in which a row tries them. */
  order(row: number): Int32Array;
  /** Adds `length` times a direction to a point. */
  move(direction: number, length: number, point: Float32Array): void;
}

function features(search: Search): Directions {
  const { mask } = search.threat;
  const free = Int32Array.from({ length: search.width }, (_, j) => j).filter((j) => !mask || mask[j] === 1);
  return {
    count: free.length,
    order: (row) => shuffled(free, search.draw(row, 0)),
    move(feature, length, point) {
      point[feature] = point[feature]! + length;
    },
  };
}

/**
 * The waves of a two-dimensional cosine transform of each channel, of length 1. As the authors order them: a random order of
 * the longest eighth each way, then frame by frame around it.
 */
function waves(search: Search): Directions {
  const shape = imageShape(search.model);
  if (!shape) {
    const got = `an input of [${search.model.inputShape}]`;
    throw new AttackError("UNSUPPORTED_MODEL", `SimBA-DCT: expected images, got ${got}`);
  }
  const { channels, height, width } = shape;
  const first = Math.max(1, Math.round(Math.max(height, width) / 8));
  const stride = Math.max(1, Math.round(first / 4));
  const frames: number[][] = [];
  for (let channel = 0, wave = 0; channel < channels; channel++) {
    for (let down = 0; down < height; down++) {
      for (let across = 0; across < width; across++, wave++) {
        const frame = Math.max(0, Math.ceil((Math.max(down, across) + 1 - first) / stride));
        frames[frame] ??= [];
        frames[frame].push(wave);
      }
    }
  }
  const [vertical, horizontal] = [cosines(height), cosines(width)];
  return {
    count: channels * height * width,
    order(row) {
      const ordered = new Int32Array(search.width);
      let at = 0;
      for (const [index, frame] of frames.entries()) {
        ordered.set(shuffled(Int32Array.from(frame), search.draw(row, 0, index)), at);
        at += frame.length;
      }
      return ordered;
    },
    move(wave, length, point) {
      const channel = Math.floor(wave / (height * width));
      const down = Math.floor(wave / width) % height;
      addWave(point, shape, channel, vertical[down]!, horizontal[wave % width]!, length);
    },
  };
}

function addWave(
  point: Float32Array,
  { channelStride, rowStride, columnStride }: ImageShape,
  channel: number,
  vertical: Float64Array,
  horizontal: Float64Array,
  length: number,
): void {
  for (let row = 0; row < vertical.length; row++) {
    const height = length * vertical[row]!;
    let at = channel * channelStride + row * rowStride;
    for (let column = 0; column < horizontal.length; column++, at += columnStride) {
      point[at] = point[at]! + height * horizontal[column]!;
    }
  }
}

/** The orthonormal cosine basis (DCT-II) of a size: one wave per entry. */
function cosines(size: number): Float64Array[] {
  return Array.from({ length: size }, (_, k) =>
    Float64Array.from({ length: size }, (_, i) => {
      const scale = Math.sqrt((k === 0 ? 1 : 2) / size);
      return scale * Math.cos((Math.PI * (i + 0.5) * k) / size);
    }),
  );
}
