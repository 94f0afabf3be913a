import type { Node } from "@casemate/onnx";
import { fillUniform, type Tensor, tensor } from "@casemate/tensor";
import { afterEach, describe, expect, test } from "vitest";
import {
  type Attack,
  type BallNorm,
  type Constraints,
  constraints,
  openTreeClassifier,
  run,
  type TreeClassifier,
  threats,
  treeExact,
  treePath,
} from "../../src/index.ts";
import { nextDown, nextUp, throughScale, votesAt } from "../../src/tabular/tree-ensemble.ts";
import { linear, predictions } from "../classifiers.ts";
import { type Plan, randomPlans, treeModel, treeModel5 } from "./tree-models.ts";

const unit = { bounds: { lower: 0, upper: 1 } };
const opened: { dispose(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.dispose();
});

async function open(...[model, options = unit]: [Parameters<typeof openTreeClassifier>[0], typeof unit?]) {
  const classifier = await openTreeClassifier(model, options);
  opened.push(classifier);
  return classifier;
}

const norms: readonly BallNorm[] = ["linf", "l2", "l1", "l0"];
const shape = { features: 3, classes: 3, depth: 3 };

/** Rows on a grid, of sixteenths so that some lie on thresholds. */
function samples(count: number, features: number, seed: number, grid = 16): Tensor {
  const x = fillUniform(new Float32Array(count * features), { seed, stream: 1, sample: 0, step: 0 });
  const rows = x.map((value) => Math.round(value * grid) / grid);
  return tensor([count, features], rows);
}

/** All cells around a row: every feature at its value, at each threshold and just below; and what the model says there. */
async function allCells(model: TreeClassifier, row: Float32Array): Promise<{ x: Float32Array; decided: number[] }> {
  const grid = Array.from({ length: 9 }, (_, i) => i / 8);
  const values = [...row].map((x) => {
    const beyond = grid.flatMap((t) => [...(t >= x ? [nextUp(t)] : []), ...(t <= x ? [nextDown(t)] : [])]);
    const near = [x, ...grid, ...beyond];
    return [...new Set(near)].filter((value) => value >= 0 && value <= 1);
  });
  let points: number[][] = [[]];
  for (const list of values) points = points.flatMap((point) => list.map((value) => [...point, value]));
  const x = Float32Array.from(points.flat());
  return { x, decided: predictions(await model.logits(tensor([points.length, row.length], x))) };
}

describe("openTreeClassifier", () => {
  test.each([
    ["votes for each class", { features: 3, classes: 3 }],
    ["a softmax", { features: 3, classes: 3, transform: "SOFTMAX" }],
    ["two classes", { features: 3, classes: 2 }],
    ["one class of two, not negative", { features: 3, classes: 2, isSingle: true }],
    [
      "one class of two with a base and a sigmoid",
      { features: 3, classes: 2, isSingle: true, baseValues: [-0.7], transform: "LOGISTIC" },
    ],
    ["a base for each class", { features: 3, classes: 3, baseValues: [0.5, 0, -0.5] }],
  ] as const)("decides as its trees do: %s", async (_, options) => {
    const isPositive = "isSingle" in options && !("transform" in options); // one tree then lies around a half
    const plans = randomPlans(isPositive ? 1 : 4, { ...shape, classes: options.classes, seed: 5 });
    const signed = "transform" in options && options.transform === "LOGISTIC" ? plans.map(negated) : plans;
    const model = await open(treeModel(signed, options));
    const x = samples(300, 3, 2);
    const decided = predictions(await model.logits(x));
    let clear = 0;
    for (const [row, k] of decided.entries()) {
      const votes = votesAt(model.trees, x.data.subarray(3 * row, 3 * row + 3));
      const others = votes.filter((_vote, i) => i !== k);
      if (votes[k]! > Math.max(...others) + 1e-5) clear++;
      else expect(votes[k]!).toBeGreaterThanOrEqual(Math.max(...others) - 1e-5); // a tie
    }
    expect(clear).toBeGreaterThan(150);
    expect(new Set(decided).size).toBeGreaterThan(1);
  });

  test.each(["float32", "float64"] as const)("reads a TreeEnsemble of opset 5 in %s", async (dtype) => {
    const model = await open(treeModel5(randomPlans(3, { ...shape, seed: 6 }), { features: 3, classes: 3 }, dtype));
    const x = samples(100, 3, 3);
    const logits = await model.logits(x);
    for (let row = 0; row < 100; row++) {
      const votes = votesAt(model.trees, x.data.subarray(3 * row, 3 * row + 3));
      for (let k = 0; k < 3; k++) expect(logits.data[3 * row + k]).toBeCloseTo(votes[k]!, 4);
    }
  });

  test.each(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"] as const)(
    "is exact at the threshold: %s",
    async (mode) => {
      const plan: Plan = { feature: 0, mode, value: Math.fround(0.3), yes: { votes: [0, 1] }, no: { votes: [1, 0] } };
      const model = await open(treeModel([plan], { features: 1, classes: 2 }));
      const x = Float32Array.of(nextDown(0.3), 0.3, nextUp(0.3));
      const decided = predictions(await model.logits(tensor([3, 1], x)));
      expect([...x].map((value) => Number(votesAt(model.trees, [value])[1]! > 0))).toEqual(decided);
    },
  );

  test("sees through a Scaler and a normalisation, to the float32", async () => {
    const scaler: Node = {
      ...{ name: "scale", op: "Scaler", domain: "ai.onnx.ml", inputs: ["X"], outputs: ["prepared"] },
      attributes: {
        offset: { type: "floats", value: [0.1, 0.2, 0.3] },
        scale: { type: "floats", value: [0.7, 3, 1.3] },
      },
    };
    const plans = randomPlans(3, { ...shape, seed: 8 });
    const options = { ...unit, normalization: { mean: [0.1], std: [0.3] } };
    const model = await open(treeModel(plans, { features: 3, classes: 3, before: [scaler] }), options);
    const thresholds = new Set<number>();
    const collect = (node: TreeClassifier["trees"]["trees"][number], feature: number): void => {
      if (node.type === "leaf") return;
      if (node.feature === feature && node.threshold > 0 && node.threshold < 1) thresholds.add(node.threshold);
      collect(node.below, feature);
      collect(node.above, feature);
    };
    for (const tree of model.trees.trees) collect(tree, 0);
    expect(thresholds.size).toBeGreaterThan(0);
    const x = Float32Array.from([...thresholds].flatMap((t) => [nextDown(t), t].flatMap((value) => [value, 0.4, 0.6])));
    const decided = predictions(await model.logits(tensor([x.length / 3, 3], x)));
    for (const [row, k] of decided.entries()) {
      const votes = votesAt(model.trees, x.subarray(3 * row, 3 * row + 3));
      expect(votes[k]).toBeCloseTo(Math.max(...votes), 5);
    }
  });

  test("refuses what are no trees, or not such that can be read", async () => {
    const plan = randomPlans(1, { ...shape, seed: 1 });
    const model = treeModel(plan, { features: 3, classes: 3 });
    const binarizer: Node = {
      ...{ name: "b", op: "Binarizer", domain: "ai.onnx.ml", inputs: ["X"], outputs: ["prepared"], attributes: {} },
    };
    const refused = { code: "UNSUPPORTED_MODEL" };
    const bare = { ...model, graph: { ...model.graph, nodes: [] } };
    await expect(openTreeClassifier(bare, unit)).rejects.toMatchObject(refused);
    const binarized = treeModel(plan, { features: 3, classes: 3, before: [binarizer] });
    await expect(openTreeClassifier(binarized, unit)).rejects.toThrow("over the output of Binarizer");
    const x = tensor([1, 3]);
    const plain = linear(
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      [0, 1],
    );
    await expect(run(plain, x, [1], threats.linf(1), { attack: treeExact() })).rejects.toThrow("openTreeClassifier");
    const two = await open(treeModel(randomPlans(2, { ...shape, seed: 1 }), { features: 3, classes: 3 }));
    await expect(
      run(two, x, [predictions(await two.logits(x))[0]!], threats.linf(1), { attack: treePath() }),
    ).rejects.toThrow("expected a single tree, got 2");
  });
});

describe("exact evasion", () => {
  test.each([1, 2, 3])("finds what trying all cells finds, in every norm: forest %i", async (seed) => {
    const model = await open(treeModel(randomPlans(5, { ...shape, seed }), { features: 3, classes: 3 }));
    const x = samples(5, 3, seed);
    const labels = predictions(await model.logits(x));
    const cells = await Promise.all(labels.map((_, row) => allCells(model, x.data.subarray(3 * row, 3 * row + 3))));
    for (const norm of norms) {
      const options = { attack: treeExact(), activeSet: false };
      const { samples: found } = await run(model, x, labels, threats[norm](10), options);
      for (const [row, { status, distance, message }] of found.entries()) {
        const { x: points, decided } = cells[row]!;
        const origins = points.map((_, i) => x.data[3 * row + (i % 3)]!);
        const distances = threats[norm](1).distance(points, origins, 3);
        const expected = Math.min(...distances.filter((_, i) => decided[i] !== labels[row]));
        expect(message).toBeUndefined();
        expect(status).toBe(expected === Infinity ? "robust" : "broken");
        if (expected < Infinity) expect(distance).toBeCloseTo(expected, 6);
      }
      expect(found.some(({ status }) => status === "broken")).toBe(true);
    }
  });
});

test("no random point inside the proven radius is of another class", async () => {
  const model = await open(
    treeModel(randomPlans(20, { features: 8, classes: 2, depth: 4, seed: 3 }), { features: 8, classes: 2 }),
  );
  const x = samples(10, 8, 4, 1001);
  const labels = predictions(await model.logits(x));
  const { samples: found } = await run(model, x, labels, threats.linf(1), { attack: treeExact(), activeSet: false });
  for (const [row, { status, distance }] of found.entries()) {
    expect(status).toBe("broken");
    const around = fillUniform(new Float32Array(500 * 8), { seed: row, stream: 3, sample: 0, step: 0 }, -1, 1);
    const inside = around.map((u, i) => {
      const from = x.data[8 * row + (i % 8)]!;
      const to = Math.fround(Math.min(1, Math.max(0, from + u * distance!)));
      return Math.abs(to - from) < distance! ? to : from;
    });
    expect(new Set(predictions(await model.logits(tensor([500, 8], inside))))).toEqual(new Set([labels[row]]));
  }
});

test("what cannot be settled in the boxes allowed is failed, with what is known", async () => {
  const model = await open(
    treeModel(randomPlans(30, { features: 10, classes: 3, depth: 4, seed: 3 }), { features: 10, classes: 3 }),
  );
  const x = samples(5, 10, 4, 1001);
  const labels = predictions(await model.logits(x));
  const attack = treeExact({ maximumBoxes: 2 });
  const { samples: found } = await run(model, x, labels, threats.linf(0.1), { attack, activeSet: false });
  const exact = await run(model, x, labels, threats.linf(1), { attack: treeExact(), activeSet: false });
  const unsettled = found.filter(({ status }) => status === "failed");
  expect(unsettled.length).toBeGreaterThan(0);
  expect(found.some(({ status }) => status === "broken")).toBe(true);
  for (const { message, sample } of unsettled) {
    const [lower, upper] = [...message!.matchAll(/(?:nearer than|found is at) ([\d.e-]+)/g)].map(([, number]) =>
      Number(number),
    );
    expect(lower).toBeLessThanOrEqual(exact.samples[sample]!.distance!);
    expect(upper).toBeGreaterThanOrEqual(exact.samples[sample]!.distance!);
  }
});

test.each([treeExact(), treePath()])(
  "$name does not depend on the batch size, leaves inputs alone, and keeps to a budget",
  async (attack) => {
    const trees = attack.name === "Decision tree path" ? 1 : 8;
    const forest = treeModel(randomPlans(trees, { features: 5, classes: 3, depth: 4, seed: 3 }), {
      features: 5,
      classes: 3,
    });
    const model = await open(forest);
    const x = samples(9, 5, 4, 1001);
    const before = x.data.slice();
    const labels = predictions(await model.logits(x));
    const results = await Promise.all(
      [1, 2, 64].map((batchSize) => run(model, x, labels, threats.l2(0.4), { attack, batchSize, activeSet: false })),
    );
    expect(results[1]!.samples).toEqual(results[0]!.samples);
    expect(results[2]!.samples).toEqual(results[0]!.samples);
    expect(x.data).toEqual(before);
    const queries = 12;
    const cut = await run(model, x, labels, threats.l2(0.4), { attack, budget: { queries } });
    expect(cut.queries.forward).toBeLessThanOrEqual(queries + 9);
    expect(cut.isComplete).toBe(false);
    expect(cut.samples.some(({ status }) => status === "robust")).toBe(false);
  },
);

test("a search between queries ends when the signal is aborted", async () => {
  const large = { features: 16, classes: 2 };
  const model = await open(treeModel(randomPlans(60, { ...large, depth: 5, seed: 2 }), large));
  const x = samples(3, 16, 1, 1001);
  const labels = predictions(await model.logits(x));
  const controller = new AbortController();
  const attack = treeExact({ maximumBoxes: 10_000_000 });
  const running = run(model, x, labels, threats.l0(16), {
    attack,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(running).rejects.toThrow(/aborted/);
});

test("a target is reached by the smallest change that reaches it", async () => {
  const model = await open(treeModel(randomPlans(4, { ...shape, seed: 9 }), { features: 3, classes: 3 }));
  const x = samples(8, 3, 9);
  const labels = predictions(await model.logits(x));
  const targets = labels.map((label) => (label + 1) % 3);
  const options = { attack: treeExact(), activeSet: false };
  const nearest = await run(model, x, labels, threats.l2(10), options);
  const aimed = await run(model, x, labels, threats.l2(10), { ...options, criterion: { type: "targeted", targets } });
  for (const [row, { status, distance, adversarial }] of aimed.samples.entries()) {
    if (status !== "broken") continue;
    expect(predictions(await model.logits(tensor([1, 3], adversarial!)))[0]).toBe(targets[row]);
    expect(distance!).toBeGreaterThanOrEqual(nearest.samples[row]!.distance! - 1e-9);
  }
  expect(aimed.samples.some(({ status }) => status === "broken")).toBe(true);
});

describe("constraints and masks", () => {
  const forest = () =>
    open(treeModel(randomPlans(6, { features: 5, classes: 2, depth: 4, seed: 2 }), { features: 5, classes: 2 }));
  const start = Float32Array.of(0.5, 0.25, 0.5, 1, 0);

  test("the nearest possible point is that of all possible points", async () => {
    const model = await forest();
    // in eighths, only up, free, and a group of two
    const rules = constraints({
      features: [{ integer: true }, { direction: "up" }, {}, { oneHot: "g" }, { oneHot: "g" }],
      units: { offset: [0, 0, 0, 0, 0], scale: [8, 1, 1, 1, 1] },
    });
    const label = predictions(await model.logits(tensor([1, 5], start)))[0]!;
    const eighths = Array.from({ length: 9 }, (_, i) => i / 8);
    const fine = eighths.flatMap((t) => [t, nextUp(t), nextDown(t)]).filter((t) => t >= 0 && t <= 1);
    const points: number[] = [];
    for (const a of eighths) {
      for (const b of fine.filter((value) => value >= 0.25)) {
        for (const c of fine) points.push(a, b, c, 1, 0, a, b, c, 0, 1);
      }
    }
    const x = Float32Array.from(points);
    const decided = predictions(await model.logits(tensor([x.length / 5, 5], x)));
    for (const norm of norms) {
      const threat = threats[norm](10, { constraints: rules });
      const origins = Float32Array.from({ length: x.length }, (_, i) => start[i % 5]!);
      const distances = threat.distance(x, origins, 5);
      const expected = Math.min(...distances.filter((_, i) => decided[i] !== label));
      const { samples: found } = await run(model, tensor([1, 5], start), [label], threat, {
        attack: treeExact(),
        activeSet: false,
      });
      expect(found[0]!.message).toBeUndefined();
      expect(found[0]!.distance).toBeCloseTo(expected, 6);
    }
  });

  test("a mask pins features", async () => {
    const model = await forest();
    const label = predictions(await model.logits(tensor([1, 5], start)))[0]!;
    const mask = Uint8Array.of(0, 1, 1, 0, 1);
    const options = { attack: treeExact(), activeSet: false };
    const { samples: found } = await run(model, tensor([1, 5], start), [label], threats.l1(10, { mask }), options);
    const [free] = (await run(model, tensor([1, 5], start), [label], threats.l1(10), options)).samples;
    if (found[0]!.adversarial) {
      expect([found[0]!.adversarial[0], found[0]!.adversarial[3]]).toEqual([0.5, 1]);
      expect(found[0]!.distance!).toBeGreaterThanOrEqual(free!.distance!);
    } else expect(found[0]!.status).toBe("robust");
  });

  test("under rules of its own kind, what it finds obeys them, and it never claims too much", async () => {
    const model = await forest();
    const label = predictions(await model.logits(tensor([1, 5], start)))[0]!;
    const halves: Constraints = {
      repair(point) {
        for (let j = 0; j < 5; j++) point[j] = Math.round(point[j]! * 4) / 4;
      },
    };
    const [found] = (
      await run(model, tensor([1, 5], start), [label], threats.linf(1, { constraints: halves }), {
        attack: treeExact(),
      })
    ).samples;
    expect(["broken", "failed"]).toContain(found!.status);
    for (const value of found!.adversarial ?? []) expect(value * 4).toBe(Math.round(value * 4));
  });
});

describe("the path through a tree", () => {
  //            x0 < 0.5
  //      x1 < 0.5      class 2
  //   class 0  class 1
  const plan: Plan = {
    ...{ feature: 0, mode: "BRANCH_LT", value: 0.5 },
    yes: { feature: 1, mode: "BRANCH_LT", value: 0.5, yes: { votes: [1, 0, 0] }, no: { votes: [0, 1, 0] } },
    no: { votes: [0, 0, 1] },
  };
  const attempt = async (attack: Attack, x: readonly number[], label: number, target?: number) => {
    const model = await open(treeModel([plan], { features: 2, classes: 3 }));
    const criterion = target === undefined ? {} : { criterion: { type: "targeted", targets: [target] } as const };
    return (await run(model, tensor([1, 2], Float32Array.from(x)), [label], threats.l2(2), { attack, ...criterion }))
      .samples[0]!;
  };

  test("takes the nearest fork, at the threshold", async () => {
    const { adversarial, forward } = await attempt(treePath(), [0.45, 0.1], 0);
    expect([...adversarial!]).toEqual([Math.fround(0.45), 0.5]); // where x0 = 0.5 is nearer, but further in the tree
    expect(forward).toBeLessThanOrEqual(3);
    expect((await attempt(treeExact(), [0.45, 0.1], 0)).adversarial![0]).toBe(0.5);
  });

  test("goes on up to a target", async () => {
    expect([...(await attempt(treePath(), [0.25, 0.75], 1, 2)).adversarial!]).toEqual([0.5, 0.75]);
    expect([...(await attempt(treePath(), [0.75, 0.75], 2, 0)).adversarial!]).toEqual([nextDown(0.5), nextDown(0.5)]);
  });
});

test("thresholds through a scale are the first float32 that reaches them", () => {
  const tree = { type: "split", feature: 0, threshold: 30, below: leaf, above: leaf } as const;
  const scaled = throughScale({ base: new Float64Array(2), trees: [tree] }, (x) => Math.fround(18 + 80 * x));
  const [{ threshold }] = scaled.trees as [typeof tree];
  expect(Math.fround(18 + 80 * threshold)).toBeGreaterThanOrEqual(30);
  expect(Math.fround(18 + 80 * nextDown(threshold))).toBeLessThan(30);
});

const leaf = { type: "leaf", votes: new Float64Array(2) } as const;

/** Votes around zero. */
function negated(plan: Plan): Plan {
  if ("votes" in plan) return { votes: plan.votes.map((vote) => vote - 0.3) };
  return { ...plan, yes: negated(plan.yes), no: negated(plan.no) };
}
