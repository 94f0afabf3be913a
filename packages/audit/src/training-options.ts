import type { MethodName, MethodOptions, TrainOptions } from "@casemate/defenses";
import type { NewNetwork } from "./new-network.ts";

/** What to train, on what, and how. */
export interface TrainModelOptions {
  /** An .onnx file to start from, or a network to begin anew with. */
  readonly subject: { readonly model: string } | NewNetwork;
  /** Of the model; of a new one, what it says of features, ranges and classes holds. */
  readonly contract?: string;
  readonly data: string;
  readonly validation?: string;
  readonly method: MethodName;
  readonly methodOptions?: MethodOptions;
  /** Adversarial weight perturbation around the method: how far, as a share of each layer's norm. */
  readonly awp?: number;
  /** Other models that examples are made with, for `ensemble`. */
  readonly others?: readonly string[];
  /** A model to learn from, for `distillation`. */
  readonly teacher?: string;
  readonly norm: "linf" | "l2" | "l1";
  /** Of the ball that is trained against, in the units of the samples or, for tables, of each feature's range; 0 for none. */
  readonly epsilon: number;
  readonly checkpoint?: { readonly path: string; readonly resume: boolean };
  /** How the loop goes. */
  readonly loop: Omit<TrainOptions, "classifier" | "method" | "ball" | "validation" | "checkpoint">;
  /** What the model is measured by before and after; nothing if absent. */
  readonly evaluation?: {
    /** Samples to measure on; those of `validation` if absent. */
    readonly data?: string;
    readonly epsilon: number;
    readonly attack: "pgd" | "autoattack";
    readonly samples?: number;
  };
}
