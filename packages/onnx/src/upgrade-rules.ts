import { OnnxError } from "./errors.ts";
import { initializerTensor } from "./initializer.ts";
import type { Attribute, Node } from "./model.ts";
import type { ValueFacts } from "./value-facts.ts";

/** What a rule can ask of the graph around its node, and add to it. */
export interface UpgradeScope {
  readonly opset: number;
  readonly facts: ValueFacts;
  fresh(name: string): string;
  /** Whether anything reads a value. */
  isUsed(name: string): boolean;
  /** Adds a constant vector and returns its name. */
  int64(values: readonly number[], name: string): string;
  float32(values: readonly number[], name: string): string;
  /** Adds a constant scalar of the element type of the value `like`. */
  scalar(value: number, like: string, name: string): string;
}

interface Rule {
  /** The opset from which on the operator has its new form. */
  readonly before: number;
  rewrite(node: Node, scope: UpgradeScope): readonly Node[];
}

const axesInput = (before: number): Rule => ({
  before,
  rewrite: (node, scope) => [attributesToInputs(node, ["axes"], scope)],
});

/** Operators whose form changed between opset 7 and 18 in more than types and defaults that keep the old meaning. */
export const rules: Readonly<Record<string, Rule>> = {
  BatchNormalization: { before: 14, rewrite: batchNormalization },
  Clip: { before: 11, rewrite: clip },
  Dropout: { before: 12, rewrite: dropout },
  Hardmax: { before: 13, rewrite: alongFlattened },
  LogSoftmax: { before: 13, rewrite: alongFlattened },
  Pad: { before: 11, rewrite: pad },
  ReduceL1: axesInput(18),
  ReduceL2: axesInput(18),
  ReduceLogSum: axesInput(18),
  ReduceLogSumExp: axesInput(18),
  ReduceMax: axesInput(18),
  ReduceMean: axesInput(18),
  ReduceMin: axesInput(18),
  ReduceProd: axesInput(18),
  ReduceSum: axesInput(13),
  ReduceSumSquare: axesInput(18),
  Resize: { before: 18, rewrite: resize },
  RoiAlign: {
    before: 16,
    rewrite: (node) => [withDefault(node, "coordinate_transformation_mode", "output_half_pixel")],
  },
  Scan: { before: 9, rewrite: refuse },
  Scatter: { before: 18, rewrite: (node) => [{ ...node, op: "ScatterElements" }] },
  Slice: { before: 10, rewrite: (node, scope) => [attributesToInputs(node, ["starts", "ends", "axes"], scope)] },
  Softmax: { before: 13, rewrite: alongFlattened },
  Split: { before: 18, rewrite: split },
  Squeeze: axesInput(13),
  TopK: { before: 10, rewrite: topK },
  Unsqueeze: axesInput(13),
  Upsample: { before: 18, rewrite: upsample },
};

function refuse(node: Node, { opset }: UpgradeScope): never {
  throw new OnnxError(
    "UNSUPPORTED_OPERATOR",
    `${node.op} '${node.name}': expected its form since a later opset, got that of ${opset}`,
  );
}

/** Whole-number attributes that became inputs, in the order given; absent ones stay absent. */
function attributesToInputs(node: Node, names: readonly string[], scope: UpgradeScope): Node {
  const added = names.map((name) => {
    const values = ints(node.attributes[name]);
    return values ? scope.int64(values, `${nameOf(node)}/${name}`) : "";
  });
  return change(node, [...node.inputs, ...added], names);
}

// Opset 9 took `spatial` away; until 14 a node in training mode was one with more than one output.
function batchNormalization(node: Node, scope: UpgradeScope): readonly Node[] {
  const isTraining = node.outputs.slice(1).some((name) => scope.isUsed(name));
  if (isTraining || int(node.attributes.spatial, 1) !== 1) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `BatchNormalization '${node.name}': expected inference over channels, got ${isTraining ? "training outputs" : "spatial = 0"}`,
    );
  }
  return [{ ...change(node, node.inputs, ["spatial"]), outputs: node.outputs.slice(0, 1) }];
}

function clip(node: Node, scope: UpgradeScope): readonly Node[] {
  const [x = ""] = node.inputs;
  const bounds = ["min", "max"].map((name) => {
    const bound = node.attributes[name];
    return bound?.type === "float" && Math.abs(bound.value) < LARGEST_FLOAT32
      ? scope.scalar(bound.value, x, `${nameOf(node)}/${name}`)
      : "";
  });
  return [change(node, [x, ...bounds], ["min", "max"])];
}

const LARGEST_FLOAT32 = 3.4028234e38; // what exporters write for "no bound"

// Until opset 12 Dropout had no training mode, and what its mask was without one was left open.
function dropout(node: Node, scope: UpgradeScope): readonly Node[] {
  if (node.outputs.slice(1).some((name) => scope.isUsed(name))) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `Dropout '${node.name}': expected nothing to read its mask, got a reader`,
    );
  }
  return [{ ...change(node, node.inputs, ["ratio"]), outputs: node.outputs.slice(0, 1) }];
}

// Until opset 13 these worked on [d0·…·d(axis−1), d(axis)·…], not along one axis: the same thing for the last axis.
function alongFlattened(node: Node, { facts, fresh }: UpgradeScope): readonly Node[] {
  const [x = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const axis = int(node.attributes.axis, 1);
  const rank = facts.rank(x) ?? facts.rank(y);
  const last: Node = { ...node, attributes: { ...node.attributes, axis: { type: "int", value: -1 } } };
  if (axis === -1 || (rank !== undefined && axis === rank - 1)) {
    return [last];
  }
  const [shape, flat, result] = ["shape", "flat", "result"].map((part) => fresh(`${nameOf(node)}/${part}`)) as [
    string,
    string,
    string,
  ];
  return [
    made("Shape", [x], shape),
    made("Flatten", [x], flat, { axis: { type: "int", value: axis } }),
    { ...last, inputs: [flat], outputs: [result] },
    made("Reshape", [result, shape], y),
  ];
}

function pad(node: Node, scope: UpgradeScope): readonly Node[] {
  const [x = ""] = node.inputs;
  const pads = scope.int64(ints(node.attributes.pads) ?? [], `${nameOf(node)}/pads`);
  const fill = node.attributes.value;
  const value = fill?.type === "float" && fill.value !== 0 ? scope.scalar(fill.value, x, `${nameOf(node)}/value`) : "";
  return [change(node, [x, pads, value], ["pads", "value"])];
}

// Opset 11 wanted empty tensors where later ones take absent inputs; opset 10 had two inputs and a rule of its own.
function resize(node: Node, scope: UpgradeScope): readonly Node[] {
  if (scope.opset < 11) {
    return upsample(node, scope);
  }
  const [x = "", roi = "", scales = "", sizes = ""] = node.inputs;
  const mode = text(node.attributes.coordinate_transformation_mode, "half_pixel");
  const isEmpty = (name: string) => scope.facts.constant(name)?.shape[0] === 0;
  const inputs = [
    x,
    mode === "tf_crop_and_resize" && !isEmpty(roi) ? roi : "",
    sizes !== "" || isEmpty(scales) ? "" : scales,
    sizes,
  ];
  return [change(node, inputs, [])];
}

// Upsample, and Resize of opset 10: coordinates divided by the scale; nearest took the pixel before when growing, after when shrinking.
function upsample(node: Node, scope: UpgradeScope): readonly Node[] {
  const [x = "", given = ""] = node.inputs;
  const attribute = node.attributes.scales;
  const values = attribute?.type === "floats" ? attribute.value : constantScales(given, scope.facts);
  const mode = text(node.attributes.mode, "nearest");
  const grows = node.op === "Upsample" || values?.every((scale) => scale >= 1);
  const shrinks = values?.every((scale) => scale <= 1);
  if (mode === "nearest" && !grows && !shrinks) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${node.op} '${node.name}': expected constant scales that all grow or all shrink, got ${values ? `[${values}]` : "computed ones"}`,
    );
  }
  const scales = attribute && values ? scope.float32(values, `${nameOf(node)}/scales`) : given;
  const attributes = {
    mode: { type: "string", value: mode === "bilinear" ? "linear" : mode },
    coordinate_transformation_mode: { type: "string", value: "asymmetric" },
    nearest_mode: { type: "string", value: grows ? "floor" : "ceil" },
  } as const;
  return [{ ...node, op: "Resize", inputs: [x, "", scales], attributes }];
}

function constantScales(name: string, facts: ValueFacts): readonly number[] | undefined {
  const constant = facts.constant(name);
  return constant && Array.from(initializerTensor(constant).data, Number);
}

function split(node: Node, scope: UpgradeScope): readonly Node[] {
  const withSizes = scope.opset < 13 ? attributesToInputs(node, ["split"], scope) : node;
  if (withSizes.inputs[1]) {
    return [withSizes];
  }
  return [
    { ...withSizes, attributes: { ...withSizes.attributes, num_outputs: { type: "int", value: node.outputs.length } } },
  ];
}

function topK(node: Node, scope: UpgradeScope): readonly Node[] {
  const k = scope.int64([int(node.attributes.k, 1)], `${nameOf(node)}/k`);
  return [change(node, [...node.inputs, k], ["k"])];
}

function change(node: Node, inputs: readonly string[], without: readonly string[]): Node {
  const last = inputs.findLastIndex((name) => name !== "");
  const attributes = Object.entries(node.attributes).filter(([name]) => !without.includes(name));
  return { ...node, inputs: inputs.slice(0, last + 1), attributes: Object.fromEntries(attributes) };
}

function made(op: string, inputs: readonly string[], output: string, attributes: Node["attributes"] = {}): Node {
  return { name: output, op, domain: "", inputs, outputs: [output], attributes };
}

function withDefault(node: Node, name: string, value: string): Node {
  return { ...node, attributes: { [name]: { type: "string", value }, ...node.attributes } };
}

function nameOf(node: Node): string {
  return node.name || (node.outputs.find((name) => name !== "") ?? node.op);
}

function int(attribute: Attribute | undefined, absent: number): number {
  return attribute?.type === "int" ? attribute.value : absent;
}

function ints(attribute: Attribute | undefined): readonly number[] | undefined {
  return attribute?.type === "ints" && attribute.value.length > 0 ? attribute.value : undefined;
}

function text(attribute: Attribute | undefined, absent: string): string {
  return attribute?.type === "string" ? attribute.value : absent;
}
