import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openClassifier } from "@casemate/attacks";
import { writeNpz } from "@casemate/data";
import { GraphBuilder, type Model, type Value, writeModel } from "@casemate/onnx";
import { fillNormal, fillUniform, sizeOf, tensor } from "@casemate/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { audit } from "../src/audit.ts";
import type { AuditReport, Norm } from "../src/report.ts";
import type { Contract, ContractInput, ContractOutput } from "../src/schemas/contract.ts";

const SAMPLES = 8;

interface Kind {
  readonly name: string;
  /** Shape of a sample. */
  readonly shape: readonly number[];
  readonly layout?: "NCHW" | "NHWC";
  readonly range: { readonly lower: number; readonly upper: number };
  readonly classes: number;
  readonly output: ContractOutput["kind"];
  /** Numbers that the graph gives for a sample: as many as classes if absent. */
  readonly width?: number;
  readonly end?: "Sigmoid" | "Softmax";
  readonly epsilon: number;
}

const unit = { lower: 0, upper: 1 };
const kinds: readonly Kind[] = [
  { name: "two classes, two logits", shape: [6], range: unit, classes: 2, output: "logits", epsilon: 0.2 },
  { name: "two classes, one logit", shape: [6], range: unit, classes: 2, output: "logit", width: 1, epsilon: 0.2 },
  {
    ...{ name: "two classes, one sigmoid", shape: [6], range: unit, classes: 2, output: "probability" },
    ...{ width: 1, end: "Sigmoid", epsilon: 0.2 },
  },
  { name: "three classes", shape: [6], range: unit, classes: 3, output: "logits", epsilon: 0.2 },
  {
    ...{ name: "rectangular images", shape: [1, 6, 10], layout: "NCHW", range: unit },
    ...{ classes: 4, output: "logits", epsilon: 0.1 },
  },
  {
    ...{ name: "channel-last images", shape: [6, 9, 3], layout: "NHWC", range: unit },
    ...{ classes: 4, output: "probabilities", end: "Softmax", epsilon: 0.1 },
  },
  {
    ...{ name: "images from -1 to 1", shape: [3, 6, 6], layout: "NCHW", range: { lower: -1, upper: 1 } },
    ...{ classes: 4, output: "logits", epsilon: 0.2 },
  },
  {
    ...{ name: "images from 0 to 255", shape: [1, 6, 6], layout: "NCHW", range: { lower: 0, upper: 255 } },
    ...{ classes: 4, output: "logits", epsilon: 25 },
  },
  {
    ...{ name: "a sigmoid for each class", shape: [6], range: unit, classes: 4 },
    ...{ output: "probabilities", end: "Sigmoid", epsilon: 0.2 },
  },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-kinds-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(kinds)("$name", (kind) => {
  test.each(["quick", "standard"] as const)("is audited in full: %s", async (profile) => {
    const { subject, report } = await auditOf(kind, { profile });
    expect(subject.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(metric(subject, "accuracy", "accuracy.clean")).toBe(1); // the labels are the model's own answers
    const fgsm = subject.checks.find(({ id }) => id === "fgsm")!.attack!;
    expect(fgsm.broken + fgsm.robust).toBe(SAMPLES);
    expect(fgsm.broken).toBeGreaterThan(0); // a linear model gives way to one step
    expect(metric(subject, "worst-case", "accuracy.robust")).toBeLessThan(1);
    expect(report.status).toBe("complete");
  });

  test.each(["l2", "l1"] as const)("is audited in %s", async (norm) => {
    const epsilon = kind.epsilon * (norm === "l2" ? Math.sqrt(sizeOf(kind.shape)) : sizeOf(kind.shape));
    const { subject } = await auditOf(kind, { norm, epsilon, profile: "standard" });
    expect(subject.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(subject.checks.find(({ id }) => id === "fgsm")!.attack!.broken).toBeGreaterThan(0);
  });
});

test("several labels for one sample are refused, with the shape that came", async () => {
  const kind = kinds.at(-1)!;
  const spec = await written(kind);
  await writeNpz(spec.data, { x: tensor([2, 6]), y: { dtype: "int64", shape: [2, 4], data: new BigInt64Array(8) } });
  await expect(finished([spec], {})).rejects.toThrow(
    /expected one label for each of 2 samples, got \[2,4\]; several labels for a sample \(multi-label\) are not taken/,
  );
});

interface Options {
  readonly profile?: "quick" | "standard";
  readonly norm?: Exclude<Norm, "l0">;
  readonly epsilon?: number;
}

async function auditOf(kind: Kind, options: Options) {
  const report = await finished([await written(kind)], { epsilon: kind.epsilon, ...options });
  return { report, subject: report.subjects[0]! };
}

async function finished(
  specs: Parameters<typeof audit>[0],
  { profile = "quick", norm = "linf", epsilon = 0.1 }: Options,
): Promise<AuditReport> {
  const running = audit(specs, { profile, norm, epsilons: [epsilon], threads: 1 });
  for (;;) {
    const { done, value } = await running.next();
    if (done) return value;
  }
}

function metric({ checks }: AuditReport["subjects"][number], id: string, name: string): number | undefined {
  return checks.find((check) => check.id === id)?.metrics.find((each) => each.name === name)?.value;
}

/** The model, its contract, and samples with the model's own answers as labels, as files. */
async function written(kind: Kind): Promise<{ readonly model: string; readonly data: string }> {
  const { name, shape, layout, range, classes, output } = kind;
  const path = join(folder, name.replaceAll(/\W+/g, "-"));
  const model = linearModel(kind);
  const input: ContractInput = {
    ...{ name: "x", dtype: "float32", shape: [null, ...shape], range },
    kind: layout ? "image" : "tabular",
    ...(layout && { layout }),
  };
  const names = Array.from({ length: classes }, (_, k) => `class ${k}`);
  const contract: Contract = {
    task: "classification",
    inputs: [input],
    output: { name: "y", kind: output, classes: names },
  };
  const x = tensor([SAMPLES, ...shape]);
  fillUniform(x.data, { seed: 1, stream: 1, sample: 0, step: 0 }, range.lower, range.upper);
  const classifier = await openClassifier(model, { bounds: range, output: { output: "y", kind: output }, threads: 1 });
  const { data } = await classifier.logits(x);
  await classifier.dispose();
  const labels = Array.from({ length: SAMPLES }, (_, row) => {
    const logits = [...data.subarray(row * classes, (row + 1) * classes)];
    return BigInt(logits.indexOf(Math.max(...logits)));
  });
  await writeModel(model, `${path}.onnx`);
  await writeFile(`${path}.contract.json`, JSON.stringify(contract));
  await writeNpz(`${path}.npz`, { x, y: { dtype: "int64", shape: [SAMPLES], data: BigInt64Array.from(labels) } });
  return { model: `${path}.onnx`, data: `${path}.npz` };
}

/** x → w (x - middle), through `end` if there is one. */
function linearModel({ shape, range, classes, width = classes, end }: Kind): Model {
  const features = sizeOf(shape);
  const graph = new GraphBuilder("g_");
  const x = graph.input("x", "float32", ["batch", ...shape]);
  const weights = fillNormal(new Float32Array(features * width), { seed: 2, stream: 1, sample: 0, step: 0 });
  const flat = graph.op("Flatten", [x], { dtype: "float32", attributes: { axis: 1 } });
  const centred = graph.Sub(flat, graph.constant(tensor([1], Float32Array.of((range.lower + range.upper) / 2))));
  const scaled = weights.map((each) => each / (range.upper - range.lower));
  const scores = graph.MatMul(centred, graph.constant(tensor([features, width], scaled)));
  const last: Value = end === "Softmax" ? graph.Softmax(scores, 1) : end === "Sigmoid" ? graph.Sigmoid(scores) : scores;
  const named = { name: "end", op: "Identity", domain: "", inputs: [last.name], outputs: ["y"], attributes: {} };
  return {
    irVersion: 8,
    opsets: new Map([["", 18]]),
    producer: "",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "linear",
      nodes: [...graph.nodes, named],
      inputs: graph.inputs,
      outputs: [{ name: "y", dtype: "float32", shape: ["batch", width], kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}
