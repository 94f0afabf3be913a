import { test } from "vitest";
import { checkLinear, checkRules, type RuleCheck, uniform } from "./harness.ts";
import { convolution, type Sliding, transposedConvolution } from "./window-reference.ts";

interface Case extends Omit<Sliding, "kernel" | "ceil"> {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly group?: number;
  readonly bias?: boolean;
  readonly free?: RuleCheck["free"];
  readonly name?: string;
  /** How the padding is named, where it is not written out. */
  readonly autoPad?: string;
}

function inputsOf({ x, weight, bias }: Case, outputs: number) {
  const given = [uniform(x), uniform(weight, { seed: 2 })];
  return bias ? [...given, uniform([outputs], { seed: 3 })] : given;
}

function attributesOf({ strides, dilations, pads, group, autoPad }: Case) {
  return {
    ...(strides && { strides }),
    ...(dilations && { dilations }),
    ...(autoPad ? { auto_pad: autoPad } : pads && { pads }),
    ...(group && { group }),
  };
}

function conv(given: Case): RuleCheck {
  const { strides, dilations, pads, group, free, name } = given;
  return {
    op: "Conv",
    inputs: inputsOf(given, given.weight[0]!),
    attributes: attributesOf(given),
    free,
    name,
    reference: (inputs, shapes) => convolution(inputs, shapes, { strides, dilations, pads, group }),
  };
}

const anyBatch = [[0]];
const anyImage = [[0, 2, 3]];

checkRules([
  conv({ x: [2, 3, 6], weight: [4, 3, 3], bias: true, free: anyBatch }),
  conv({ x: [2, 3, 5], weight: [2, 3, 2], pads: [0, 1], strides: [2], free: [[0, 2]] }),
  conv({ x: [2, 3, 5, 4], weight: [4, 3, 3, 3], pads: [1, 1, 1, 1], bias: true, free: anyBatch }),
  conv({ x: [2, 3, 5, 4], weight: [4, 3, 3, 3], pads: [1, 1, 1, 1], bias: true, free: anyImage, name: "any size" }),
  conv({ x: [2, 2, 5, 4], weight: [3, 2, 1, 1], free: anyBatch }),
  conv({ x: [1, 2, 6, 7], weight: [3, 2, 3, 2], pads: [0, 1, 2, 0] }),
  conv({ x: [2, 2, 6, 7], weight: [3, 2, 3, 3], pads: [1, 1, 1, 1], strides: [2, 2], free: anyBatch }),
  conv({
    x: [2, 2, 6, 7],
    weight: [3, 2, 3, 3],
    pads: [1, 1, 1, 1],
    strides: [2, 2],
    free: anyImage,
    name: "any size",
  }),
  conv({ x: [2, 2, 7, 7], weight: [3, 2, 1, 1], strides: [2, 2], free: anyBatch }),
  conv({ x: [1, 2, 8, 9], weight: [2, 2, 3, 3], strides: [3, 2], pads: [2, 1, 0, 1], bias: true }),
  conv({ x: [1, 2, 8, 8], weight: [2, 2, 3, 2], dilations: [2, 3], pads: [2, 1, 1, 2] }),
  conv({ x: [1, 2, 9, 9], weight: [2, 2, 3, 3], dilations: [2, 2], strides: [2, 2], pads: [2, 2, 2, 2] }),
  conv({ x: [2, 4, 5, 5], weight: [6, 2, 3, 3], group: 2, pads: [1, 1, 1, 1], bias: true, free: anyBatch }),
  conv({ x: [2, 4, 5, 5], weight: [6, 2, 3, 3], group: 2, pads: [1, 1, 1, 1], strides: [2, 2], free: anyBatch }),
  conv({ x: [2, 4, 5, 5], weight: [4, 1, 3, 3], group: 4, pads: [1, 1, 1, 1], free: anyBatch, name: "depthwise" }),
  conv({
    x: [2, 3, 5, 5],
    weight: [6, 1, 3, 3],
    group: 3,
    pads: [1, 1, 1, 1],
    free: anyBatch,
    name: "depthwise, twice",
  }),
  conv({ x: [2, 4, 6, 6], weight: [4, 1, 3, 3], group: 4, pads: [1, 1, 1, 1], strides: [2, 2], name: "depthwise" }),
  conv({ x: [1, 2, 4, 4], weight: [3, 2, 2, 2], pads: [2, 2, 2, 2], name: "windows in the padding only" }),
  conv({ x: [1, 2, 5, 6], weight: [2, 2, 2, 3], pads: [0, 1, 1, 1], autoPad: "SAME_UPPER" }),
  conv({ x: [1, 2, 5, 6], weight: [2, 2, 2, 3], pads: [1, 1, 0, 1], autoPad: "SAME_LOWER" }),
  conv({
    x: [2, 2, 6, 6],
    weight: [2, 2, 3, 3],
    strides: [2, 2],
    pads: [0, 0, 1, 1],
    autoPad: "SAME_UPPER",
    free: anyImage,
    name: "any size",
  }),
  conv({
    x: [2, 2, 6, 6],
    weight: [2, 2, 3, 3],
    strides: [2, 2],
    pads: [1, 1, 0, 0],
    autoPad: "SAME_LOWER",
    free: anyImage,
    name: "any size",
  }),
  conv({ x: [1, 2, 5, 6], weight: [2, 2, 3, 3], autoPad: "VALID" }),
  conv({ x: [1, 2, 3, 4, 3], weight: [2, 2, 2, 3, 2], pads: [0, 1, 1, 1, 1, 0], bias: true, free: anyBatch }),
  conv({ x: [2, 2, 4, 5, 3], weight: [2, 2, 2, 2, 2], strides: [2, 1, 2], free: anyBatch }),
]);

// Enough filters for the places of the kernel to be copied by a convolution; images that are small or not.
checkRules([
  conv({ x: [2, 2, 9], weight: [3, 2, 4], pads: [1, 2], strides: [2], dilations: [2], free: anyBatch }),
  conv({ x: [2, 2, 6, 7], weight: [6, 2, 3, 3], pads: [0, 1, 2, 1], strides: [2, 1], free: anyBatch }),
  conv({ x: [2, 2, 6, 7], weight: [6, 2, 3, 3], pads: [1, 1, 1, 1], free: anyImage, name: "any size" }),
  conv({ x: [1, 2, 7, 8], weight: [5, 2, 3, 2], pads: [1, 0, 2, 1], dilations: [2, 3], strides: [1, 2] }),
  conv({ x: [2, 4, 5, 5], weight: [10, 2, 3, 3], group: 2, pads: [1, 1, 1, 1], strides: [2, 2], free: anyBatch }),
  conv({
    x: [2, 2, 6, 6],
    weight: [5, 2, 3, 3],
    strides: [2, 2],
    pads: [0, 0, 1, 1],
    autoPad: "SAME_UPPER",
    free: anyImage,
    name: "any size, many filters",
  }),
  conv({ x: [1, 1, 3, 4, 3], weight: [6, 1, 2, 3, 2], pads: [0, 1, 1, 1, 1, 0], free: anyBatch }),
  conv({ x: [2, 2, 6, 7], weight: [3, 2, 5, 5], pads: [2, 2, 2, 2], strides: [2, 2], bias: true, free: anyBatch }),
  conv({
    x: [2, 2, 8, 9],
    weight: [3, 2, 5, 5],
    pads: [0, 1, 2, 3],
    strides: [3, 1],
    dilations: [1, 2],
    free: anyBatch,
  }),
  conv({
    x: [2, 2, 9, 8],
    weight: [3, 2, 5, 5],
    strides: [3, 2],
    free: anyBatch,
    name: "an end that no window reaches",
  }),
  conv({ x: [2, 2, 6, 7], weight: [3, 2, 5, 5], pads: [2, 2, 2, 2], free: anyImage, name: "any size" }),
  conv({ x: [2, 1, 30], weight: [2, 1, 25], pads: [1, 2], free: anyBatch }),
  conv({ x: [3, 8, 3, 3], weight: [6, 8, 3, 3], pads: [1, 1, 1, 1], strides: [2, 2], free: anyBatch, name: "at once" }),
  conv({
    x: [3, 8, 4, 5],
    weight: [6, 8, 3, 3],
    pads: [0, 1, 1, 2],
    dilations: [2, 3],
    free: anyBatch,
    name: "at once",
  }),
  conv({ x: [3, 8, 4], weight: [9, 8, 3], pads: [1, 0], free: anyBatch, name: "at once" }),
  conv({ x: [3, 8, 2, 2], weight: [8, 8, 1, 1], strides: [2, 2], free: anyBatch, name: "at once" }),
  conv({ x: [3, 8, 2, 2], weight: [3, 8, 2, 2], pads: [1, 0, 0, 0], free: anyBatch, name: "at once, few filters" }),
]);

interface TransposedCase extends Case {
  readonly image: readonly number[];
  readonly attributes?: RuleCheck["attributes"];
}

function convTranspose(given: TransposedCase): RuleCheck {
  const { strides, dilations, pads, group = 1, free, name, image, attributes } = given;
  return {
    op: "ConvTranspose",
    inputs: inputsOf(given, given.weight[1]! * group),
    attributes: { ...attributesOf(given), ...attributes },
    free,
    name,
    reference: (inputs, shapes) => transposedConvolution(inputs, shapes, image, { strides, dilations, pads, group }),
  };
}

checkRules([
  convTranspose({ x: [2, 3, 4], weight: [3, 2, 3], image: [6], bias: true, free: [[0, 2]] }),
  convTranspose({
    x: [2, 3, 3, 4],
    weight: [3, 2, 3, 3],
    image: [5, 7],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    bias: true,
    free: anyImage,
  }),
  convTranspose({
    x: [2, 3, 3, 4],
    weight: [3, 2, 3, 3],
    image: [6, 8],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    attributes: { output_padding: [1, 1] },
    free: anyImage,
  }),
  convTranspose({ x: [2, 4, 3, 3], weight: [4, 3, 2, 2], image: [4, 4], group: 2, bias: true, free: anyBatch }),
  convTranspose({ x: [2, 4, 3, 3], weight: [4, 1, 3, 3], image: [7, 7], group: 4, strides: [2, 2] }),
  convTranspose({ x: [1, 2, 3, 3], weight: [2, 2, 3, 2], image: [7, 5], dilations: [2, 2] }),
  convTranspose({
    x: [1, 2, 3, 3],
    weight: [2, 2, 3, 3],
    image: [5, 5],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    attributes: { output_shape: [5, 5], pads: [0, 0, 0, 0] },
  }),
  convTranspose({
    x: [1, 2, 3, 3],
    weight: [2, 2, 3, 3],
    image: [6, 6],
    strides: [2, 2],
    pads: [1, 1, 0, 0],
    attributes: { output_shape: [6, 6], pads: [0, 0, 0, 0] },
  }),
  convTranspose({
    x: [1, 2, 3, 3],
    weight: [2, 2, 3, 3],
    image: [6, 6],
    strides: [2, 2],
    pads: [0, 0, 1, 1],
    autoPad: "SAME_UPPER",
  }),
  convTranspose({
    x: [1, 2, 3, 3],
    weight: [2, 2, 3, 3],
    image: [6, 6],
    strides: [2, 2],
    pads: [1, 1, 0, 0],
    autoPad: "SAME_LOWER",
  }),
  convTranspose({
    x: [2, 6, 3, 4],
    weight: [6, 2, 3, 3],
    image: [6, 8],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    attributes: { output_padding: [1, 1] },
    free: anyImage,
    name: "many filters",
  }),
  convTranspose({
    x: [2, 2, 3, 4],
    weight: [2, 3, 5, 5],
    image: [6, 8],
    strides: [2, 2],
    pads: [2, 2, 2, 2],
    attributes: { output_padding: [1, 1] },
    free: anyBatch,
  }),
  convTranspose({
    x: [3, 6, 2, 2],
    weight: [6, 8, 3, 3],
    image: [5, 6],
    strides: [2, 3],
    pads: [0, 0, 0, 0],
    free: anyBatch,
    name: "at once",
  }),
  convTranspose({
    x: [1, 2, 2, 3, 2],
    weight: [2, 2, 2, 2, 3],
    image: [3, 4, 3],
    strides: [2, 1, 1],
    pads: [1, 0, 0, 0, 0, 1],
  }),
]);

test("convolution and its transpose are linear in the image at a size of real networks", async () => {
  const inputs = [uniform([2, 16, 16, 16]), uniform([32, 16, 3, 3], { seed: 2 })];
  const attributes = { pads: [1, 1, 1, 1], strides: [2, 2] };
  await checkLinear({ op: "Conv", inputs, constants: [1], attributes });
  await checkLinear({ op: "Conv", inputs, constants: [1], attributes: { pads: [1, 1, 1, 1] } });
  await checkLinear({ op: "ConvTranspose", inputs: [uniform([2, 32, 7, 7]), inputs[1]!], constants: [1], attributes });
});
