export { type ApgdOptions, apgdCe, apgdDlr } from "./apgd.ts";
export type { Attack, Step } from "./attack.ts";
export type { Bounds, Classifier, GradientClassifier, Loss, LossGradient } from "./classifier.ts";
export type { Criterion } from "./criterion.ts";
export { AttackError, type AttackErrorCode } from "./errors.ts";
export type { Budget } from "./evaluator.ts";
export { fgsm } from "./fgsm.ts";
export { type HopSkipJumpOptions, hopSkipJump } from "./hop-skip-jump.ts";
export { l1 } from "./l1.ts";
export { l2 } from "./l2.ts";
export { linf } from "./linf.ts";
export { lossSubgraph } from "./losses.ts";
export { gaussianNoise, type NoiseOptions, uniformNoise } from "./noise.ts";
export { type ClassifierOptions, type OnnxClassifier, openClassifier } from "./onnx-classifier.ts";
export {
  blendedNoise,
  contrastReduction,
  type PathOptions,
  type RandomPathOptions,
  saltAndPepper,
} from "./path-attacks.ts";
export { type PgdOptions, pgd } from "./pgd.ts";
export { type AttackResult, BORDERLINE_MARGIN, type CurvePoint, type SampleResult, type Status } from "./result.ts";
export { type Progress, type RunOptions, run, stream, type ThreatCurve } from "./run.ts";
export { type SpatialOptions, spatial } from "./spatial.ts";
export { type SquareOptions, square } from "./square.ts";
export { type BallNorm, type Threat, type ThreatOptions, threats } from "./threat.ts";
export {
  blackBoxWins,
  type Evidence,
  gradientMasking,
  marginTies,
  outputsAreProbabilities,
  randomisedModel,
  tooFewClasses,
  type ValidityWarning,
  type ValidityWarningId,
  validityWarningIds,
  zeroGradients,
} from "./validity.ts";
