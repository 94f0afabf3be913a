export { type DifferentiateOptions, differentiate, type LossSubgraph } from "./differentiate.ts";
export { editInput, editOutput } from "./edit.ts";
export { OnnxError, type OnnxErrorCode } from "./errors.ts";
export { freeBatch } from "./free-batch.ts";
export { type AttributeLike, float, GraphBuilder } from "./graph-builder.ts";
export { exposeLogits, type LogitsModel, type LogitsOptions, type OutputKind } from "./logits.ts";
export type {
  Attribute,
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
export { type Device, openSession, type Session, type SessionOptions } from "./session.ts";
export type { Extent, Value } from "./value.ts";
