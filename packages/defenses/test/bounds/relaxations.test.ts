import { float, GraphBuilder, type Model, openSession, type Value } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import type { Activation, Relaxation } from "../../src/bounds/activation.ts";
import { boundGraph } from "../../src/bounds/bound-graph.ts";
import type { Interval } from "../../src/bounds/interval.ts";
import { openNetwork } from "../../src/bounds/network.ts";

/** Places of ends and points along an axis. */
const GRID = [-6, -3.3, -1.7, -0.9, -0.3, -0.02, 0, 0.05, 0.4, 1.1, 2.5, 5];
const POINTS = 400;

const functions: readonly (readonly [string, (graph: GraphBuilder, x: Value) => Value])[] = [
  ["Relu", (graph, x) => graph.op("Relu", [x])],
  ["LeakyRelu", (graph, x) => graph.op("LeakyRelu", [x], { attributes: { alpha: float(0.1) } })],
  ["Clip", (graph, x) => graph.op("Clip", [x, graph.scalar(-0.5, x), graph.scalar(1, x)])],
  ["Sigmoid", (graph, x) => graph.op("Sigmoid", [x])],
  ["Tanh", (graph, x) => graph.op("Tanh", [x])],
  ["Gelu", (graph, x) => graph.op("Gelu", [x])],
  ["Gelu by tanh", (graph, x) => graph.op("Gelu", [x], { attributes: { approximate: "tanh" } })],
  ["Softplus", (graph, x) => graph.op("Softplus", [x])],
  ["Erf", (graph, x) => graph.op("Erf", [x])],
];

function modelOf(shape: readonly number[], build: (graph: GraphBuilder, x: Value) => Value): Model {
  const graph = new GraphBuilder("f/");
  const bent = build(graph, { ...graph.input("x", "float32", ["batch", ...shape]), shape: undefined });
  const y = graph.Add(bent, graph.scalar(0, bent)); // a sigmoid at the end would be taken for the link of the logits
  return {
    ...{ irVersion: 9, opsets: new Map([["", 20]]), producer: "test", metadata: new Map(), functions: [] },
    graph: {
      ...{ name: "f", nodes: graph.nodes, inputs: graph.inputs, initializers: graph.initializers },
      outputs: [{ name: y.name, dtype: "float32", shape: ["batch", 1], kind: "tensor" }],
    },
  };
}

/** The lines of a model's one activation for intervals of what it takes, as numbers: by interval. */
async function linesOf(model: Model, lowers: readonly Tensor[], uppers: readonly Tensor[], kind: "relax" | "parallel") {
  const network = await openNetwork(model, { bounds: { lower: -1, upper: 1 } });
  const node = network.path.find((each) => network.operator(each).type === "activation")!;
  const activation = network.operator(node) as Activation;
  const names = node.inputs.filter((name) => network.isOnPath(name));
  const bounds = boundGraph(network, ({ graph, like }) => {
    const xs = names.map((name, i): Interval => {
      const value = network.value(name);
      return { lower: like(`lower${i}`, value), upper: like(`upper${i}`, value) };
    });
    like("ball/lower", network.input); // stands for the input, which nothing else needs
    const lines = activation[kind]!(network.site(graph, node), xs, { rounding: "outward" }) as Relaxation;
    const { lower, upper } = activation.interval(network.site(graph, node), xs, "outward");
    const whole = (value: Value | undefined) => graph.Add(value ?? graph.scalar(0, lower), graph.Sub(lower, lower));
    const slopes = lines.slopes.flatMap((slope, i) => [
      [`lowerSlope${i}`, slope.lower] as const,
      [`upperSlope${i}`, slope.upper] as const,
    ]);
    return { low: whole(lines.lower), high: whole(lines.upper), lower, upper, ...Object.fromEntries(slopes) };
  });
  const session = await openSession(bounds, { threads: 1 });
  const feeds = Object.fromEntries(
    names.flatMap((_, i) => [
      [`lower${i}`, lowers[i]!],
      [`upper${i}`, uppers[i]!],
    ]),
  );
  const rows = lowers[0]!.shape[0]!;
  const wanted = Object.fromEntries(
    session.inputs.map(({ name }) => [name, feeds[name] ?? tensor([rows, ...network.inputShape])]),
  );
  const results = (await session.run(wanted)) as Record<string, Tensor>;
  await session.dispose();
  return Array.from({ length: rows }, (_, row) => {
    const at = (name: string) => results[name]!.data[row]!;
    return {
      line: (side: "lower" | "upper", xs: readonly number[]) =>
        xs.reduce((sum, x, i) => sum + at(`${side}Slope${i}`) * x, at(side === "lower" ? "low" : "high")),
      lower: at("lower"),
      upper: at("upper"),
    };
  });
}

const intervals = GRID.flatMap((lower) =>
  GRID.filter((upper) => upper >= lower).map((upper) => [lower, upper] as const),
);
const pointsOf = (lower: number, upper: number) =>
  Array.from({ length: POINTS + 1 }, (_, i) => lower + ((upper - lower) * i) / POINTS);

const hasParallel = new Set(["Clip", "LeakyRelu", "Relu", "Sigmoid", "Tanh"]);
const cases = functions.flatMap(([name, build]) => [
  { name, kind: "relax" as const, build },
  ...(hasParallel.has(name) ? [{ name, kind: "parallel" as const, build }] : []),
]);

test.each(cases)(
  "$name lies between its lines ($kind) at 401 points of 78 intervals, and touches them",
  async ({ name, kind, build }) => {
    const model = modelOf([1], build);
    const column = (numbers: readonly number[]) => tensor([numbers.length, 1], Float32Array.from(numbers));
    const [lowers, uppers] = [column(intervals.map(([lower]) => lower)), column(intervals.map(([, upper]) => upper))];
    const lines = await linesOf(model, [lowers], [uppers], kind);
    const session = await openSession(model, { threads: 1 });
    const places = intervals.flatMap((_, row) => pointsOf(lowers.data[row]!, uppers.data[row]!));
    const { data } = Object.values(await session.run({ x: column(places) }))[0] as Tensor;
    await session.dispose();
    for (const [row, { line, lower, upper }] of lines.entries()) {
      const [width, gaps] = [uppers.data[row]! - lowers.data[row]!, { below: Infinity, above: Infinity }];
      for (let i = row * (POINTS + 1); i < (row + 1) * (POINTS + 1); i++) {
        const [x, y] = [Math.fround(places[i]!), data[i]!];
        gaps.below = Math.min(gaps.below, y - line("lower", [x]), y - lower);
        gaps.above = Math.min(gaps.above, line("upper", [x]) - y, upper - y);
      }
      const where = `${name} on [${intervals[row]}]`;
      expect(gaps.below, where).toBeGreaterThanOrEqual(0);
      expect(gaps.above, where).toBeGreaterThanOrEqual(0);
      const slack = 1e-3 + 4e-4 * width * width; // what is added between the points that a line is fitted to
      expect(Math.min(gaps.below, gaps.above), where).toBeLessThan(slack);
    }
  },
);

test("max-pool lies between its planes on a grid of 256 points of 40 boxes", async () => {
  const model = modelOf([1, 2, 2], (graph, x) =>
    graph.op("Flatten", [graph.op("MaxPool", [x], { attributes: { kernel_shape: [2, 2] } })]),
  );
  const boxes = Array.from({ length: 40 }, (_, row) =>
    Array.from({ length: 4 }, (__, i) => {
      const lower = GRID[(5 * row + 7 * i) % GRID.length]!;
      return [lower, lower + ((row * (i + 2)) % 7) / 2] as const;
    }),
  );
  const sides = (end: 0 | 1) =>
    [0, 1, 2, 3].map((i) =>
      tensor(
        [40, 1, 1, 1],
        Float32Array.from(boxes, (box) => box[i]![end]),
      ),
    );
  const [lowers, uppers] = [sides(0), sides(1)];
  const lines = await linesOf(model, lowers, uppers, "relax");
  for (const [row, { line, lower, upper }] of lines.entries()) {
    for (let place = 0; place < 256; place++) {
      const xs = [0, 1, 2, 3].map((i) => {
        const [low, high] = [lowers[i]!.data[row]!, uppers[i]!.data[row]!];
        return low + ((high - low) * (Math.floor(place / 4 ** i) % 4)) / 3;
      });
      const y = Math.max(...xs);
      const rounding = 1e-6 * (1 + Math.abs(y));
      expect(line("lower", xs)).toBeLessThanOrEqual(y + rounding);
      expect(line("upper", xs)).toBeGreaterThanOrEqual(y - rounding);
      expect(lower).toBeLessThanOrEqual(y);
      expect(upper).toBeGreaterThanOrEqual(y);
    }
  }
});
