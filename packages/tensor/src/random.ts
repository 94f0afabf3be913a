import { philox4x32 } from "./philox.ts";
import { fillPhilox } from "./philox-blocks.ts";
import { TensorError } from "./tensor.ts";

/**
 * What a random draw is keyed by. The same four numbers give the same values, whatever else is drawn before or beside
 * them: no draw depends on batch size, order or threads.
 */
export interface Draw {
  /** Chosen by the user; a whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** What the numbers are for, so that two uses never share them; below 2^32. */
  readonly stream: number;
  /** Which sample of the data set; below 2^32. */
  readonly sample: number;
  /** Which step of the algorithm; below 2^32. */
  readonly step: number;
}

/** Fills `target` with random 32-bit words, by Philox4x32-10. All other draws are made of these. */
export function fillWords(target: Uint32Array, draw: Draw): Uint32Array {
  for (const [name, limit] of LIMITS) {
    if (!(Number.isSafeInteger(draw[name]) && draw[name] >= 0 && draw[name] < limit)) {
      throw new TensorError(
        "OUT_OF_RANGE",
        `random: ${name} must be a whole number from 0 below ${limit}, got ${draw[name]}`,
      );
    }
  }
  const counter = [draw.step, draw.sample, Math.floor(draw.seed / 2 ** 32)];
  const key = [draw.seed, draw.stream];
  const whole = target.length - (target.length % 4);
  fillPhilox(target.subarray(0, whole), counter, key);
  if (whole < target.length) {
    const last = new Uint32Array(4);
    philox4x32(Uint32Array.of(whole / 4, ...counter), Uint32Array.from(key), last);
    target.set(last.subarray(0, target.length - whole), whole);
  }
  return target;
}

const LIMITS = [
  ["seed", 2 ** 53],
  ["stream", 2 ** 32],
  ["sample", 2 ** 32],
  ["step", 2 ** 32],
] as const;

/** A word as a number in [0, 1), with 24 bits, so that float32 holds it exactly. */
export function wordToUniform(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** Fills `target` with numbers uniform in [lower, upper). */
export function fillUniform(target: Float32Array, draw: Draw, lower = 0, upper = 1): Float32Array {
  const words = wordsOver(target, draw);
  const scale = (upper - lower) * 2 ** -24;
  for (let i = 0; i < target.length; i++) target[i] = lower + scale * (words[i]! >>> 8);
  return target;
}

/** Fills `target` with standard normal numbers, by Box and Muller. */
export function fillNormal(target: Float32Array, draw: Draw): Float32Array {
  const isEven = target.length % 2 === 0;
  const words = isEven ? wordsOver(target, draw) : fillWords(new Uint32Array(target.length + 1), draw);
  for (let i = 0; i < words.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((words[i]! + 0.5) * 2 ** -32)); // + 0.5 keeps log(0) out
    const angle = words[i + 1]! * (2 * Math.PI * 2 ** -32);
    target[i] = radius * Math.cos(angle);
    if (i + 1 < target.length) target[i + 1] = radius * Math.sin(angle);
  }
  return target;
}

/** Fills `target` with whole numbers uniform in [0, below); the bias is under below / 2^32. */
export function fillIntegers(target: Int32Array, draw: Draw, below: number): Int32Array {
  if (!(Number.isInteger(below) && below > 0 && below <= 2 ** 31)) {
    throw new TensorError("OUT_OF_RANGE", `random integers: below must be a whole number from 1 to 2^31, got ${below}`);
  }
  const words = wordsOver(target, draw);
  const scale = below * 2 ** -32;
  for (let i = 0; i < target.length; i++) target[i] = Math.floor(words[i]! * scale);
  return target;
}

/** Fills `target` with -1 and 1, each with probability one half; one random bit each. */
export function fillSigns(target: Float32Array, draw: Draw): Float32Array {
  const words = fillWords(new Uint32Array(Math.ceil(target.length / 32)), draw);
  for (let i = 0; i < target.length; i++) target[i] = (words[i >>> 5]! >>> (i & 31)) & 1 ? 1 : -1;
  return target;
}

/** Random words in the memory of `target`, to be overwritten in place, element by element. */
function wordsOver(target: Float32Array | Int32Array, draw: Draw): Uint32Array {
  return fillWords(new Uint32Array(target.buffer, target.byteOffset, target.length), draw);
}
