export { DefenseError, type DefenseErrorCode } from "./errors.ts";
export type { Batch, TrainingMethod, TrainingState } from "./training/method.ts";
