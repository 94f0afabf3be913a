export type { Ablation } from "./ablation/ablation.ts";
export {
  type CertifyPatchesEvent,
  type CertifyPatchesOptions,
  certifyPatches,
  type PatchCertificate,
} from "./ablation/certify-patches.ts";
export { type CnnOptions, cnn } from "./architectures/cnn.ts";
export { type MlpOptions, mlp } from "./architectures/mlp.ts";
export type { NetworkOptions } from "./architectures/network.ts";
export { type ResNetOptions, resNet } from "./architectures/res-net.ts";
export { type Standardization, standardizationOf } from "./architectures/standardization.ts";
export { type TextCnnOptions, textCnn } from "./architectures/text-cnn.ts";
export type { CertifiedBall } from "./bounds/ball.ts";
export type { Rounding } from "./bounds/rounding.ts";
export {
  type Ball,
  type BoundMethod,
  openVerifier,
  SMALLEST_MARGIN,
  type Verifier,
  type VerifierOptions,
} from "./bounds/verifier.ts";
export type { PairAttack } from "./detectors/attacked-pairs.ts";
export { type BinaryDetectorOptions, binaryDetector } from "./detectors/binary-detector.ts";
export { type DeepNeighboursOptions, deepNearestNeighbours } from "./detectors/deep-nearest-neighbours.ts";
export type { Activations, Detector, DetectorTraining, FittedScore, Seen } from "./detectors/detector.ts";
export { loadDetector, saveDetector } from "./detectors/detector-file.ts";
export { energyDetector } from "./detectors/energy.ts";
export { type EvadeEvent, type EvadeOptions, type Evasion, evadeDetector } from "./detectors/evade-detector.ts";
export { type FeatureSqueezingOptions, featureSqueezing } from "./detectors/feature-squeezing.ts";
export { type FitDetectorOptions, fitDetector, flaggedShare } from "./detectors/fit-detector.ts";
export {
  type LayeredDimensionalityOptions,
  layeredIntrinsicDimensionality,
} from "./detectors/layered-intrinsic-dimensionality.ts";
export { layeredMahalanobis } from "./detectors/layered-mahalanobis.ts";
export { localIntrinsicDimensionality } from "./detectors/local-intrinsic-dimensionality.ts";
export { type MagNetOptions, magNet } from "./detectors/magnet.ts";
export { mahalanobisDetector } from "./detectors/mahalanobis.ts";
export { nearestNeighboursDetector } from "./detectors/nearest-neighbours.ts";
export type { FittedDetector } from "./detectors/open-detector.ts";
export { rejectingModel } from "./detectors/rejecting-model.ts";
export { type SplitCalibrationOptions, splitCalibration } from "./detectors/split-calibration.ts";
export { type StripOptions, stripDetector } from "./detectors/strip.ts";
export { type DetectorInputs, type DetectorName, type DetectorRow, detectors } from "./detectors/table.ts";
export {
  certifyPartitions,
  type PartitionCertificate,
  partition,
  partitionCertificate,
} from "./ensembles/deep-partition-aggregation.ts";
export {
  type TrainedPartitions,
  type TrainPartitionsEvent,
  type TrainPartitionsOptions,
  trainPartitions,
} from "./ensembles/train-partitions.ts";
export { disagreement, voting } from "./ensembles/voting.ts";
export { type VotingModelOptions, votingModel } from "./ensembles/voting-model.ts";
export { DefenseError, type DefenseErrorCode } from "./errors.ts";
export { ablationTraining } from "./methods/ablation.ts";
export { type AwpOptions, awp } from "./methods/awp.ts";
export { crownIbpTraining } from "./methods/crown-ibp.ts";
export { type DistillationOptions, distillation } from "./methods/distillation.ts";
export { ensembleTraining } from "./methods/ensemble.ts";
export { type FastTrainingOptions, fastTraining } from "./methods/fast.ts";
export { type FgsmTrainingOptions, fgsmTraining } from "./methods/fgsm.ts";
export { type FreeTrainingOptions, freeTraining } from "./methods/free.ts";
export { type GaussianTrainingOptions, gaussianTraining } from "./methods/gaussian.ts";
export { type IbpOptions, ibpTraining } from "./methods/ibp.ts";
export { type MethodName, type MethodOptions, type MethodRow, trainingMethods } from "./methods/index.ts";
export { type MartOptions, mart } from "./methods/mart.ts";
export { type PgdTrainingOptions, pgdTraining } from "./methods/pgd.ts";
export { type SmoothAdvOptions, smoothAdv } from "./methods/smooth-adv.ts";
export { tabularTraining } from "./methods/tabular.ts";
export { type TradesOptions, trades } from "./methods/trades.ts";
export { type CleverOptions, type CleverScore, clever } from "./metrics/clever.ts";
export { type EmpiricalRobustness, empiricalRobustness } from "./metrics/empirical-robustness.ts";
export { lossSensitivity } from "./metrics/loss-sensitivity.ts";
export { bitDepth } from "./purification/bit-depth.ts";
export { gaussianBlurPurification } from "./purification/gaussian-blur.ts";
export { gaussianNoisePurification } from "./purification/gaussian-noise.ts";
export { outputHardenings, purifications } from "./purification/index.ts";
export { jpeg } from "./purification/jpeg.ts";
export { medianFilter } from "./purification/median-filter.ts";
export {
  labelOnly,
  type OutputHardening,
  outputNoise,
  reverseSigmoidAnswers,
  roundedOutputs,
  topK,
} from "./purification/output-hardening.ts";
export type { Purification } from "./purification/purification.ts";
export { totalVariance } from "./purification/total-variance.ts";
export { type WrapOptions, wrapModel } from "./purification/wrap-model.ts";
export { type Certificate, type CertifyEvent, type CertifyOptions, certify } from "./smoothing/certify.ts";
export { type MedianBounds, medianBounds } from "./smoothing/median-bounds.ts";
export {
  type PredictEvent,
  type PredictOptions,
  predict,
  type SmoothedPrediction,
} from "./smoothing/predict.ts";
export { type RadiusPoint, radiusCurve } from "./smoothing/radius-curve.ts";
export { type SmoothedClassifierOptions, smoothedClassifier } from "./smoothing/smoothed-classifier.ts";
export { type SmoothedModelOptions, smoothedModel } from "./smoothing/smoothed-model.ts";
export type { NoiseOptions } from "./smoothing/votes.ts";
export type { Augmentation } from "./training/augmentation.ts";
export { takesTokens } from "./training/float-input.ts";
export type { Freezing } from "./training/freezing.ts";
export type { Batch, TrainingMethod, TrainingState } from "./training/method.ts";
export type { Mixing } from "./training/mixing.ts";
export { plainTraining } from "./training/plain-training.ts";
export { type ScheduleName, schedules } from "./training/schedule.ts";
export { type TrainingEvent, type TrainingResult, train } from "./training/train.ts";
export type { TrainOptions } from "./training/train-options.ts";
export type { EpochReport } from "./training/training-session.ts";
export type { LabelledSamples } from "./training/validate.ts";
