export { constantsAsInitializers } from "./constants-as-initializers.ts";
export { type DifferentiateOptions, differentiate, type LossSubgraph } from "./differentiate.ts";
export { editInput, editOutput, replaceOutput } from "./edit.ts";
export { type EncodeOptions, encodeModel } from "./encode.ts";
export { OnnxError, type OnnxErrorCode } from "./errors.ts";
export { freeBatch } from "./free-batch.ts";
export { freshPrefix } from "./fresh-names.ts";
export { describe, type Gradient, type Site, siteOf } from "./gradients/gradient.ts";
export { gradientOf } from "./gradients/index.ts";
export { type AttributeLike, float, GraphBuilder } from "./graph-builder.ts";
export { initializerTensor, tensorInitializer } from "./initializer.ts";
export { initializersAsInputs } from "./initializers-as-inputs.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export { exposeLogits, type LogitsModel, type LogitsOptions, type OutputKind } from "./logits.ts";
export type {
  Attribute,
  AttributeKind,
  Attributes,
  Dimension,
  ElementType,
  FunctionDefinition,
  Graph,
  Initializer,
  InitializerData,
  Model,
  ModelSource,
  Node,
  ValueInfo,
} from "./model.ts";
export { type OperatorRow, operatorsOf } from "./operators.ts";
export { prepare } from "./prepare.ts";
export { type Feeds, type Probe, probe } from "./probe.ts";
export { probeRuns } from "./probe-runs.ts";
export { prune } from "./prune.ts";
export { type ParseOptions, parseModel, type ReadOptions, readModel } from "./read.ts";
export { renameNode } from "./rename-values.ts";
export { runtimeVersion } from "./runtime-version.ts";
export { type Device, openSession, type Session, type SessionOptions } from "./session.ts";
export { openTrainer } from "./training/open-trainer.ts";
export type { Optimizer } from "./training/optimizer.ts";
export { trainableWeights } from "./training/trainable-weights.ts";
export type { Trainer, TrainerOptions, TrainingStep } from "./training/trainer.ts";
export { type TrainingGraph, trainingGraph } from "./training/training-graph.ts";
export { withWeights } from "./training/with-weights.ts";
export type { Extent, Value } from "./value.ts";
export { writeModel } from "./write.ts";
