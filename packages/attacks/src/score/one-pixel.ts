import { fillNormal, wordToUniform } from "@casemate/tensor";
import type { Attack } from "../attack.ts";
import { AttackError } from "../errors.ts";
import { flatShape, type ImageShape, imageShape } from "../image.ts";
import { valueAt } from "../threats/radii.ts";
import { evolve } from "./differential-evolution.ts";
import { wordsFor } from "./random-words.ts";

export interface OnePixelOptions {
  /** Candidates that evolve for each sample; at least 4. */
  readonly population?: number;
  readonly generations?: number;
}

/**
 * One-pixel attack (Su, Vargas & Sakurai, 2019, https://arxiv.org/abs/1710.08864): differential evolution of where a pixel
 * is and of its colour. As many pixels change as epsilon, in L0, has room for with all their channels: one channel each of an
 * image with one, or one feature of what is no image. The paper stops by thresholds of probability; here a sample stops when
 * its class changes.
 */
export function onePixel({ population = 400, generations = 100 }: OnePixelOptions = {}): Attack {
  return {
    name: "One pixel",
    access: "score",
    aim: "inside",
    norms: ["l0"],
    restarts: 0,
    parameters: { population, generations },
    citation: { text: "Su et al., 2019", url: "https://arxiv.org/abs/1710.08864" },
    async *attempt(search) {
      const { threat, model } = search;
      const { bounds } = model;
      const shape = imageShape(model) ?? flatShape(search.width);
      const pixels = pixelsWithin(threat.epsilon as number, shape);
      const genesOfPixel = 2 + shape.channels;
      const featureOf = (genes: Float32Array, at: number, channel: number): number =>
        channel * shape.channelStride +
        Math.floor(genes[at]!) * shape.rowStride +
        Math.floor(genes[at + 1]!) * shape.columnStride;
      yield* evolve(search, {
        genes: pixels * genesOfPixel,
        population,
        generations,
        begin(row, individual, genes) {
          const places = wordsFor(search, row, 0, 2 * pixels, individual);
          const colours = fillNormal(
            new Float32Array(pixels * shape.channels),
            search.draw(row, 0, population + individual),
          );
          for (let pixel = 0, at = 0; pixel < pixels; pixel++, at += genesOfPixel) {
            genes[at] = wordToUniform(places[2 * pixel]!) * shape.height;
            genes[at + 1] = wordToUniform(places[2 * pixel + 1]!) * shape.width;
            for (let channel = 0; channel < shape.channels; channel++) {
              const feature = featureOf(genes, at, channel);
              const [lower, upper] = [valueAt(bounds.lower, feature), valueAt(bounds.upper, feature)];
              const colour = colours[pixel * shape.channels + channel]!;
              genes[at + 2 + channel] = (lower + upper) / 2 + ((upper - lower) / 2) * colour; // N(128, 127) of bytes
            }
          }
        },
        limit(_, genes) {
          for (let at = 0; at < genes.length; at += genesOfPixel) {
            genes[at] = Math.min(Math.max(genes[at]!, 0), shape.height - EDGE);
            genes[at + 1] = Math.min(Math.max(genes[at + 1]!, 0), shape.width - EDGE);
            for (let channel = 0; channel < shape.channels; channel++) {
              const feature = featureOf(genes, at, channel);
              const gene = at + 2 + channel;
              genes[gene] = Math.min(
                Math.max(genes[gene]!, valueAt(bounds.lower, feature)),
                valueAt(bounds.upper, feature),
              );
            }
          }
        },
        express(_, genes, point) {
          for (let at = 0; at < genes.length; at += genesOfPixel) {
            for (let channel = 0; channel < shape.channels; channel++) {
              point[featureOf(genes, at, channel)] = genes[at + 2 + channel]!;
            }
          }
        },
      });
      if (search.active > 0) await search.evaluate();
    },
  };
}

const EDGE = 0.001; // keeps a place in the last row or column, also after rounding to float32

function pixelsWithin(epsilon: number, { channels }: ImageShape): number {
  const pixels = Math.floor(epsilon / channels);
  if (pixels >= 1) return pixels;
  const expected = `an epsilon of at least the ${channels} features of a pixel`;
  throw new AttackError("UNSUPPORTED_THREAT", `One pixel: expected ${expected}, got ${epsilon}`);
}
