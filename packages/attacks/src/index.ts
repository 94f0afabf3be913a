export type { Attack, Step } from "./attack.ts";
export { type AutoAttackOptions, autoAttack } from "./autoattack.ts";
export { completed } from "./completed.ts";
export { type CorruptionOptions, corruption } from "./corruptions/corruption.ts";
export { type CorruptionName, corruptions, type Severity } from "./corruptions/table.ts";
export type { Criterion } from "./criterion.ts";
export { type BoundaryOptions, boundary } from "./decision/boundary.ts";
export { type GeoDaOptions, geoda } from "./decision/geoda.ts";
export { type HopSkipJumpOptions, hopSkipJump } from "./decision/hop-skip-jump.ts";
export { gaussianNoise, type NoiseOptions, uniformNoise } from "./decision/noise.ts";
export {
  blendedNoise,
  boxBlur,
  contrastReduction,
  gaussianBlur,
  inversion,
  motionBlur,
  type PathOptions,
  type RandomPathOptions,
  saltAndPepper,
} from "./decision/path-attacks.ts";
export { type PointwiseOptions, pointwise } from "./decision/pointwise.ts";
export { type SignOptOptions, signOpt } from "./decision/sign-opt.ts";
export { contentDraw } from "./defended/content-draw.ts";
export { type ExpectationOptions, expectationOverTransformation } from "./defended/expectation.ts";
export {
  type InputDefence,
  type SampleView,
  type ThroughDefenceOptions,
  throughDefence,
} from "./defended/input-defence.ts";
export { jpegCompression } from "./defended/jpeg.ts";
export { COSINE_BASIS, jpegTables, toRgb, toYCbCr } from "./defended/jpeg-tables.ts";
export {
  behindOutput,
  highConfidence,
  noisyAnswers,
  type OutputDefence,
  reverseSigmoid,
  roundedAnswers,
} from "./defended/output-defence.ts";
export { featureSqueezing, mirrored, spatialSmoothing } from "./defended/squeezing.ts";
export { thermometerEncoding } from "./defended/thermometer.ts";
export {
  TOTAL_VARIATION_ROUNDING,
  type TotalVarianceOptions,
  totalVarianceMinimization,
} from "./defended/total-variance.ts";
export {
  type Endpoint,
  type EndpointInput,
  type EndpointOptions,
  type EndpointOutput,
  openEndpoint,
} from "./endpoint/open-endpoint.ts";
export type { Clock } from "./endpoint/rate-limit.ts";
export type { OutputKind } from "./endpoint/scores.ts";
export type { Checkpoint } from "./engine/checkpoint.ts";
export type { Budget } from "./engine/evaluator.ts";
export {
  type AttackResult,
  BORDERLINE_MARGIN,
  type CurvePoint,
  type SampleResult,
  type Status,
} from "./engine/result.ts";
export { type Progress, type RunOptions, run, stream, type ThreatCurve } from "./engine/run.ts";
export { AttackError, type AttackErrorCode } from "./errors.ts";
export { type AdamPgdOptions, adamPgd } from "./gradient/adam-pgd.ts";
export { type ApgdOptions, type ApgdTargetedOptions, apgdCe, apgdDlr, apgdT } from "./gradient/apgd.ts";
export { autoConjugateGradient, type ConjugateGradientOptions } from "./gradient/conjugate-gradient.ts";
export { fgsm } from "./gradient/fgsm.ts";
export { type JitterOptions, jitter } from "./gradient/jitter.ts";
export { type KlPgdOptions, klPgd } from "./gradient/kl-pgd.ts";
export { type PgdOptions, pgd } from "./gradient/pgd.ts";
export { type SparseL1Options, sparseL1Descent } from "./gradient/sparse-l1.ts";
export { type TransferAttackOptions, transferAttack } from "./gradient/transfer-attack.ts";
export {
  type DiverseInputsOptions,
  diverseInputs,
  type LinearMap,
  nesterov,
  scaleInvariant,
  type TransferTransform,
  translationInvariant,
  varianceTuning,
} from "./gradient/transfer-transforms.ts";
export { type VirtualAdversarialOptions, virtualAdversarial } from "./gradient/virtual-adversarial.ts";
export { type BrendelBethgeOptions, brendelBethge } from "./minimum-norm/brendel-bethge.ts";
export { type CarliniWagnerL0Options, carliniWagnerL0 } from "./minimum-norm/carlini-wagner-l0.ts";
export { type CarliniWagnerL2Options, carliniWagnerL2 } from "./minimum-norm/carlini-wagner-l2.ts";
export { type CarliniWagnerLinfOptions, carliniWagnerLinf } from "./minimum-norm/carlini-wagner-linf.ts";
export { type DdnOptions, ddn } from "./minimum-norm/ddn.ts";
export { type DeepFoolOptions, deepFool } from "./minimum-norm/deep-fool.ts";
export { type ElasticNetOptions, elasticNet } from "./minimum-norm/elastic-net.ts";
export { type FabOptions, type FabTargetedOptions, fab, fabT } from "./minimum-norm/fab.ts";
export { type FmnOptions, fmn } from "./minimum-norm/fmn.ts";
export { type JsmaOptions, jsma } from "./minimum-norm/jsma.ts";
export { type LbfgsOptions, lbfgs } from "./minimum-norm/l-bfgs.ts";
export { type NewtonFoolOptions, newtonFool } from "./minimum-norm/newton-fool.ts";
export { type SparseFoolOptions, sparseFool } from "./minimum-norm/sparse-fool.ts";
export {
  type Bounds,
  type Classifier,
  type GradientClassifier,
  type Loss,
  type LossFeeds,
  type LossGradient,
  UnansweredRows,
} from "./models/classifier.ts";
export { type ForwardModel, forwardModel } from "./models/forward-model.ts";
export { lossSubgraph } from "./models/losses.ts";
export { type ClassifierOptions, type OnnxClassifier, openClassifier } from "./models/onnx-classifier.ts";
export { type EnsembleOptions, ensemble, withSurrogate } from "./models/surrogate.ts";
export { type CompositeSemanticOptions, compositeSemantic } from "./physical/composite-semantic.ts";
export type { Homography } from "./physical/homography.ts";
export { type PatchOptions, trainPatch } from "./physical/patch.ts";
export type { PatternCounts, PatternOptions, PatternProgress, PatternResult } from "./physical/pattern-options.ts";
export type { TransformationName, Transformations } from "./physical/pattern-view.ts";
export type { Palette } from "./physical/printability.ts";
export type { SemanticComponent } from "./physical/semantic-components.ts";
export { type ShadowOptions, shadow } from "./physical/shadow.ts";
export { type SpatialOptions, spatial } from "./physical/spatial.ts";
export { type StickerOptions, trainSticker } from "./physical/sticker.ts";
export {
  type UniversalOptions,
  type UniversalProgress,
  type UniversalResult,
  universalPerturbation,
} from "./physical/universal.ts";
export { type WassersteinOptions, wasserstein } from "./physical/wasserstein.ts";
export { type GenAttackOptions, genAttack } from "./score/gen-attack.ts";
export { type NesOptions, nes } from "./score/nes.ts";
export { type OnePixelOptions, onePixel } from "./score/one-pixel.ts";
export { type PixleOptions, pixle } from "./score/pixle.ts";
export { type SimbaOptions, simba } from "./score/simba.ts";
export { type SpsaOptions, spsa } from "./score/spsa.ts";
export { type SquareOptions, square } from "./score/square.ts";
export { type ThresholdOptions, threshold } from "./score/threshold.ts";
export { type ZooOptions, zoo } from "./score/zoo.ts";
export { type ConstraintSpec, type FeatureRule, type Formula, formulaValue } from "./tabular/constraint-spec.ts";
export { constraints } from "./tabular/constraints.ts";
export { type LowProFoolOptions, lowProFool, pearsonImportance } from "./tabular/low-prof-fool.ts";
export { openTreeClassifier, type TreeClassifier } from "./tabular/tree-classifier.ts";
export {
  type TreeEnsemble,
  type TreeLeaf,
  type TreeNode,
  type TreeSplit,
  throughScale,
} from "./tabular/tree-ensemble.ts";
export { type TreeExactOptions, treeExact } from "./tabular/tree-exact.ts";
export { treePath } from "./tabular/tree-path.ts";
export { l0 } from "./threats/l0.ts";
export { l1 } from "./threats/l1.ts";
export { l2 } from "./threats/l2.ts";
export { linf } from "./threats/linf.ts";
export { type BallNorm, type Constraints, type Threat, type ThreatOptions, threats } from "./threats/threat.ts";
export {
  blackBoxWins,
  dynamicModel,
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
