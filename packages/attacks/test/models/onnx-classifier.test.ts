import type { GraphBuilder, Model, Value } from "@casemate/onnx";
import { fillNormal, tensor } from "@casemate/tensor";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ClassifierOptions, type Loss, linf, lossSubgraph, openClassifier, pgd, run } from "../../src/index.ts";
import { lossOf } from "../classifiers.ts";
import { modelOf } from "./onnx-models.ts";

const unit = { lower: 0, upper: 1 };
const weights = tensor([3, 2], Float32Array.of(1, -1, 0.5, 2, -1.5, 0.25));
const dense = (graph: GraphBuilder, x: Value): Value => graph.MatMul(x, graph.Cast(graph.constant(weights), x.dtype));
/** What `dense` gives for one sample, by hand. */
const byHand = (x: readonly number[]) =>
  [0, 1].map((k) => x.reduce((sum, value, j) => sum + value * weights.data[2 * j + k]!, 0));

async function open(model: Model, options: Partial<ClassifierOptions> = {}) {
  const classifier = await openClassifier(model, { bounds: unit, threads: 1, ...options });
  onTestFinished(() => classifier.dispose());
  return classifier;
}

const losses: readonly Loss[] = [
  "cross-entropy",
  "margin",
  "dlr",
  "targeted-cross-entropy",
  "targeted-margin",
  "targeted-dlr",
  "difference",
  "divergence",
  "weighted",
];

describe.each(losses)("%s", (loss) => {
  test("has the value and the gradient of its formula, for each sample on its own", async () => {
    const model = modelOf(["batch", 5], (graph, x) => graph.Mul(x, graph.scalar(3, x)));
    const classifier = await open(model, { bounds: { lower: -9, upper: 9 } });
    const x = tensor([8, 5], fillNormal(new Float32Array(40), { seed: 1, stream: 0, sample: 0, step: 0 }));
    const labels = Int32Array.of(0, 1, 2, 3, 4, 0, 1, 2);
    const targets = Int32Array.of(1, 2, 3, 4, 0, 2, 3, 4);
    // rows of probabilities, one of them with a zero, as "divergence" takes them; "weighted" takes any numbers
    const weights = Float32Array.from({ length: 40 }, (_, i) => [0.4, 0.3, 0, 0.2, 0.1][(i + Math.floor(i / 5)) % 5]!);
    const result = await classifier.lossGradient(x, labels, loss, { targets, weights });
    for (let row = 0; row < 8; row++) {
      const z = [...x.data.subarray(row * 5, row * 5 + 5)].map((value) => 3 * value);
      const [value, gradient] = lossOf(loss, z, labels[row]!, targets[row]!, weights.subarray(row * 5, row * 5 + 5));
      expect(result.loss[row]).toBeCloseTo(value, 4);
      for (const [j, slope] of gradient.entries()) expect(result.gradient.data[row * 5 + j]).toBeCloseTo(3 * slope, 4);
      for (const [j, logit] of z.entries()) expect(result.logits.data[row * 5 + j]).toBeCloseTo(logit, 5);
    }
  });
});

test.each([
  ["dlr", 2, 3],
  ["targeted-dlr", 3, 4],
  ["margin", 1, 2],
] as const)("%s is refused for %i classes", (loss, classes, needed) => {
  expect(() => lossSubgraph(loss, classes)).toThrow(`${loss}: expected at least ${needed} classes, got ${classes}`);
});

describe("a classifier", () => {
  const x = tensor([3, 3], Float32Array.of(0.1, 0.2, 0.3, 0.9, 0.5, 0, 1, 0, 1));
  const rows = [0, 1, 2].map((row) => [...x.data.subarray(row * 3, row * 3 + 3)]);

  test("scores a batch, in parts where it is larger than the session may take", async () => {
    for (const maxBatch of [256, 2, 1]) {
      const classifier = await open(modelOf(["batch", 3], dense), { maxBatch });
      expect([classifier.inputShape, classifier.classes, classifier.scale]).toEqual([[3], 2, "logits"]);
      const { shape, data } = await classifier.logits(x);
      expect(shape).toEqual([3, 2]);
      for (const [i, value] of rows.flatMap(byHand).entries()) expect(data[i]).toBeCloseTo(value, 5);
      const { gradient, loss } = await classifier.lossGradient(x, Int32Array.of(0, 1, 0), "margin");
      expect(loss.length).toBe(3);
      expect([...gradient.data.subarray(3, 6)]).toEqual([2, -1.5, -1.75]); // column 0 less column 1
    }
  });

  test("acts on what lies before a Softmax, and says that it was cut", async () => {
    const classifier = await open(modelOf(["batch", 3], (graph, y) => graph.Softmax(dense(graph, y), 1)));
    expect(classifier.edits[0]).toContain("Softmax");
    const { data } = await classifier.logits(x);
    for (const [i, value] of rows.flatMap(byHand).entries()) expect(data[i]).toBeCloseTo(value, 5);
  });

  test.each(["channels-first", "channels-last"] as const)(
    "normalises %s images inside of the graph",
    async (layout) => {
      const shape = layout === "channels-first" ? [2, 1, 3] : [1, 3, 2];
      const flat = modelOf(["batch", ...shape], (graph, y) => graph.op("Flatten", [y], { attributes: { axis: 1 } }));
      const classifier = await open(flat, { layout, normalization: { mean: [0.5, 0.25], std: [0.5, 2] } });
      const image = tensor([1, ...shape], Float32Array.of(0, 0.25, 0.5, 0.75, 1, 0));
      const { data } = await classifier.logits(image);
      const channelOf = (j: number) => (layout === "channels-first" ? Math.floor(j / 3) : j % 2);
      const expected = image.data.map((value, j) => (channelOf(j) === 0 ? (value - 0.5) / 0.5 : (value - 0.25) / 2));
      for (const [j, value] of expected.entries()) expect(data[j]).toBeCloseTo(value, 6);
      const { gradient } = await classifier.lossGradient(image, Int32Array.of(0), "targeted-margin", {
        targets: Int32Array.of(5),
      });
      expect(gradient.data[5]).toBeCloseTo(1 / 2, 6); // in units of the data, not of the model's input
    },
  );

  test("has no gradient behind a rounding, or one that passes straight through it if asked to", async () => {
    const rounded = modelOf(["batch", 3], (graph, y) =>
      dense(graph, graph.op("Round", [graph.Mul(y, graph.scalar(10, y))])),
    );
    for (const straightThrough of [false, true]) {
      const classifier = await open(rounded, { straightThrough });
      const { gradient, loss } = await classifier.lossGradient(x, Int32Array.of(0, 0, 0), "margin");
      const once = straightThrough ? [-20, 15, 17.5] : [0, 0, 0]; // ten times column 1 less column 0
      expect([...gradient.data]).toEqual([...once, ...once, ...once]);
      expect(loss[0]).toBeCloseTo(-2 + 2 * 1.5 + 3 * 1.75, 5); // forward it rounds either way
    }
  });

  test("with a batch fixed by the exporter takes any number of samples", async () => {
    // The constant of a fixed batch in the middle of the graph cannot be freed.
    const fixed = modelOf([2, 3], (graph, y) => graph.Add(dense(graph, y), graph.constant(tensor([2, 2]))));
    const classifier = await open(fixed);
    const { data, shape } = await classifier.logits(x);
    expect(shape).toEqual([3, 2]);
    for (const [i, value] of rows.flatMap(byHand).entries()) expect(data[i]).toBeCloseTo(value, 5);
    const { gradient, loss } = await classifier.lossGradient(x, Int32Array.of(0, 0, 1), "margin");
    expect([gradient.shape, loss.length]).toEqual([[3, 3], 3]);
    expect([...gradient.data.subarray(6)]).toEqual([2, -1.5, -1.75]);
  });

  test.each(["float16", "float64"] as const)("takes and gives float32 where the model holds %s", async (dtype) => {
    const classifier = await open(modelOf(["batch", 3], dense, dtype));
    const { data } = await classifier.logits(x);
    for (const [i, value] of rows.flatMap(byHand).entries()) expect(Math.abs(data[i]! - value)).toBeLessThan(2e-3);
    const { gradient } = await classifier.lossGradient(x, Int32Array.of(0, 1, 0), "margin");
    expect([...gradient.data.subarray(3, 6)]).toEqual([2, -1.5, -1.75]);
  });

  test("can be attacked", async () => {
    const classifier = await open(modelOf(["batch", 3], dense));
    const labels = rows.map(byHand).map(([a, b]) => (a! > b! ? 0 : 1));
    // The margin falls by epsilon times the sum of |column 0 - column 1| = 5.25.
    const margins = rows.map(byHand).map(([a, b]) => Math.abs(a! - b!) / 5.25);
    const epsilon = 0.2;
    const { samples } = await run(classifier, x, labels, linf(epsilon), { attack: pgd() });
    for (const [row, { status }] of samples.entries()) if (margins[row]! > epsilon) expect(status).toBe("robust");
    expect(samples.some(({ status }) => status === "broken")).toBe(true);
  });

  test("scores although an operator has no gradient rule, and names it when a gradient is asked for", async () => {
    const scored = modelOf(["batch", 3], (graph, y) => {
      const matrix = graph.Unsqueeze(graph.Slice(y, [0], [1], [1]), [2]);
      return graph.Add(dense(graph, y), graph.Unsqueeze(graph.op("Det", [matrix]), [1]));
    });
    const classifier = await open(scored);
    await expect(classifier.lossGradient(x, Int32Array.of(0, 0, 0), "margin")).rejects.toThrow("Det");
    expect((await classifier.logits(x)).shape).toEqual([3, 2]);
  });

  test.each([
    ["an unknown input", modelOf(["batch", 3], dense), { inputName: "y" }, "expected one input 'y', got 'x'"],
    [
      "an open shape",
      modelOf(["batch", "features"], dense),
      {},
      "expected inputShape for a model that leaves it open, got [batch,features]",
    ],
    [
      "a normalisation without std",
      modelOf(["batch", 3], dense),
      { normalization: { mean: [0], std: [0] } },
      "expected as many positive std as mean",
    ],
  ])("%s is refused", async (_, model, options, message) => {
    await expect(openClassifier(model, { bounds: unit, ...options })).rejects.toThrow(message);
  });
});

test("weights given beside the model stand in for its own, as they are at each run", async () => {
  const model = modelOf(["batch", 3], (graph, x) => graph.MatMul(x, graph.constant(weights)));
  const [name] = model.graph.initializers.keys();
  const live = new Map([[name!, tensor([3, 2], Float32Array.from(weights.data))]]);
  const classifier = await open(model, { weights: live });
  const x = tensor([1, 3], Float32Array.of(0.2, 0.4, 0.6));
  const score = async () => (await classifier.logits(x)).data[0]!;
  const slope = async () =>
    (await classifier.lossGradient(x, Int32Array.of(0), "difference", { targets: Int32Array.of(1) })).gradient.data[0]!;
  expect(await score()).toBeCloseTo(byHand([...x.data])[0]!, 6);
  expect(await slope()).toBeCloseTo(-1 - 1, 6);
  live.set(
    name!,
    tensor(
      [3, 2],
      weights.data.map((each) => 2 * each),
    ),
  );
  expect(await score()).toBeCloseTo(2 * byHand([...x.data])[0]!, 6);
  expect(await slope()).toBeCloseTo(-4, 6);
});

test("where many gradients are taken between changes of the weights, each has the present ones compiled in", async () => {
  const width = 1000; // a model of a million multiplications is not a small one
  const [inner, middle, outer] = [
    tensor([3, width], new Float32Array(3 * width).fill(1 / width)),
    tensor([width, width], new Float32Array(width * width).fill(1 / width)),
    tensor(
      [width, 2],
      Float32Array.from({ length: 2 * width }, (_, i) => (i % 2) / width),
    ),
  ];
  const model = modelOf(["batch", 3], (graph, x) =>
    [inner!, middle!, outer!].reduce((y, weight) => graph.MatMul(y, graph.constant(weight)), x),
  );
  const live = new Map([...model.graph.initializers.keys()].map((name, i) => [name, [inner!, middle!, outer!][i]!]));
  const classifier = await open(model, { weights: live, gradientsPerChange: 1000, threads: 1 });
  const x = tensor([2, 3], Float32Array.of(0.2, 0.4, 0.6, 0, 0.5, 1));
  const slopes = async () => [
    ...(await classifier.lossGradient(x, Int32Array.of(0, 0), "difference", { targets: Int32Array.of(1, 1) })).gradient
      .data,
  ];
  const share = 1 / width; // of Σ inner · middle · outer over the hidden units: width² / width³
  for (const each of await slopes()) expect(each).toBeCloseTo(share, 7);
  const [first] = live.keys();
  live.set(first!, tensor([3, width], new Float32Array(3 * width).fill(3 / width)));
  for (let run = 0; run < 2; run++) for (const each of await slopes()) expect(each).toBeCloseTo(3 * share, 7);
  expect((await classifier.logits(x)).data[1]).toBeCloseTo(3 * share * 1.2, 7);
});

test("a weight that the model does not have is refused", async () => {
  const model = modelOf(["batch", 3], (graph, x) => graph.MatMul(x, graph.constant(weights)));
  await expect(open(model, { weights: new Map([["fc.weight", weights]]) })).rejects.toThrow(
    "graph: expected an initializer 'fc.weight', got none",
  );
});
