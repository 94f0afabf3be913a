export { type CnnOptions, cnn } from "./architectures/cnn.ts";
export { type MlpOptions, mlp } from "./architectures/mlp.ts";
export type { NetworkOptions } from "./architectures/network.ts";
export { type ResNetOptions, resNet } from "./architectures/res-net.ts";
export { type TextCnnOptions, textCnn } from "./architectures/text-cnn.ts";
export { DefenseError, type DefenseErrorCode } from "./errors.ts";
export type { Batch, TrainingMethod, TrainingState } from "./training/method.ts";
