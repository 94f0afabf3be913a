import type { Model } from "@casemate/onnx";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { CertifiedBall } from "./ball.ts";
import type { BlockBounds } from "./block-bounds.ts";
import { openCrown } from "./crown.ts";
import { openForwardBounds } from "./forward-bounds.ts";
import { type NetworkOptions, openNetwork } from "./network.ts";
import type { Rounding } from "./rounding.ts";

/** How a network is bounded, from cheap and loose to dear and tight. */
export type BoundMethod = "ibp" | "deepz" | "crown" | "alpha-crown";

/** A certificate counts only above what the rounding of the last steps could undo. */
export const SMALLEST_MARGIN = 1e-5;

export interface VerifierOptions extends NetworkOptions {
  readonly method: BoundMethod;
  /** The norm of the balls; "linf" unless stated. */
  readonly norm?: CertifiedBall["norm"];
  /** "outward" unless stated: only then are bounds certificates. */
  readonly rounding?: Rounding;
  readonly threads?: number;
}

/** What is known of a ball around each of n samples, without any exception inside it. Holds native memory until disposed. */
export interface Verifier {
  readonly method: BoundMethod;
  readonly norm: CertifiedBall["norm"];
  readonly classes: number;
  /** Samples that are bounded together at most; more come in blocks of so many. */
  readonly blockSize: number;
  /** The least that the logit of the label exceeds that of each other class by, in the order of the classes: [n, classes - 1]. */
  margins(x: Tensor, labels: ArrayLike<number>, ball: Ball): Promise<Tensor>;
  /** Between what each logit lies: [n, classes] both. */
  logits(x: Tensor, ball: Ball): Promise<{ readonly lower: Tensor; readonly upper: Tensor }>;
  dispose(): Promise<void>;
}

/** The size of the balls; their norm and the bounds of the input are those of the verifier. */
export type Ball = Pick<CertifiedBall, "epsilon" | "mask">;

/**
 * Opens a model for certification by bounds that are ONNX graphs over its own weights. Throws a DefenseError UNSUPPORTED_MODEL that
 * names what cannot be bounded.
 */
export async function openVerifier(model: Model, options: VerifierOptions): Promise<Verifier> {
  const { method, norm = "linf", rounding = "outward", bounds, threads } = options;
  const network = await openNetwork(model, options);
  const settings = { norm, rounding, ...(threads !== undefined && { threads }) };
  const block: BlockBounds =
    method === "ibp" || method === "deepz"
      ? await openForwardBounds(network, { ...settings, method })
      : await openCrown(network, { ...settings, optimises: method === "alpha-crown" });
  const ballOf = (ball: Ball): CertifiedBall => {
    checkBall(ball, norm);
    return { ...ball, norm, bounds };
  };
  const inBlocks = async <Result>(x: Tensor, run: (rows: number[], part: Tensor) => Promise<Result>) => {
    const results: Result[] = [];
    for (let start = 0; start < x.shape[0]!; start += block.blockSize) {
      const count = Math.min(block.blockSize, x.shape[0]! - start);
      const rows = Array.from({ length: count }, (_, row) => start + row);
      results.push(await run(rows, takeRows(x, rows)));
    }
    return results;
  };
  return {
    method,
    norm,
    classes: network.classes,
    blockSize: block.blockSize,
    async margins(x, labels, ball) {
      checkLabels(labels, x.shape[0]!, network.classes);
      const whole = ballOf(ball);
      const parts = await inBlocks(x, (rows, part) =>
        block.margins(
          part,
          rows.map((row) => labels[row]!),
          whole,
        ),
      );
      return joined(parts, network.classes - 1);
    },
    async logits(x, ball) {
      const whole = ballOf(ball);
      const parts = await inBlocks(x, (_, part) => block.logits(part, whole));
      return {
        lower: joined(
          parts.map(({ lower }) => lower),
          network.classes,
        ),
        upper: joined(
          parts.map(({ upper }) => upper),
          network.classes,
        ),
      };
    },
    dispose: () => block.dispose(),
  };
}

function joined(parts: readonly Tensor[], width: number): Tensor {
  const data = new Float32Array(parts.reduce((length, part) => length + part.data.length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return tensor([data.length / width, width], data);
}

function checkBall({ epsilon }: Ball, norm: CertifiedBall["norm"]): void {
  const radii = typeof epsilon === "number" ? [epsilon] : epsilon;
  for (const radius of radii) {
    if (!(radius >= 0 && Number.isFinite(radius))) {
      throw new DefenseError("INVALID_OPTION", `epsilon: expected a finite number of at least 0, got ${radius}`);
    }
  }
  if (typeof epsilon !== "number" && norm !== "linf") {
    throw new DefenseError("INVALID_OPTION", `epsilon: expected one number in ${norm}, got one per feature`);
  }
}

function checkLabels(labels: ArrayLike<number>, count: number, classes: number): void {
  if (labels.length !== count) {
    throw new DefenseError("SHAPE_MISMATCH", `labels: expected one for each of ${count} samples, got ${labels.length}`);
  }
  for (let i = 0; i < count; i++) {
    if (!(labels[i]! >= 0 && labels[i]! < classes)) {
      throw new DefenseError("SHAPE_MISMATCH", `labels: expected a class below ${classes}, got ${labels[i]} at ${i}`);
    }
  }
}
