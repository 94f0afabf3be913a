import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fgsm, pgd } from "@casemate/attacks";
import { GraphBuilder, type Value, writeModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accuracyCheck } from "../../src/checks/accuracy.ts";
import { adaptiveCheck } from "../../src/checks/adaptive.ts";
import { attackCheck } from "../../src/checks/attack.ts";
import type { Check, FinishedCheck, Measurement } from "../../src/checks/check.ts";
import { validityCheck } from "../../src/checks/validity.ts";
import { type OpenSubject, openSubjects } from "../../src/subject.ts";

const FEATURES = 12;
const EPSILON = 0.2;
/** Features at 0.5 ± distance, so that the margin of w · x with w = ±1 is 2 · 12 · distance, and falls at that distance. */
const DISTANCES = [0.05, 0.1, 0.3];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-adaptive-"));
  const sign = (j: number) => (j % 2 === 0 ? 1 : -1);
  const rows = DISTANCES.map((distance) => Array.from({ length: FEATURES }, (_, j) => 0.5 + sign(j) * distance));
  const header = [...rows[0]!.map((_, j) => `f${j}`), "label"].join(",");
  await writeFile(join(folder, "samples.csv"), [header, ...rows.map((row) => [...row, "up"].join(","))].join("\n"));
  const weights = Float32Array.from({ length: 2 * FEATURES }, (_, i) => sign(i >> 1) * (i % 2 === 0 ? 1 : -1));
  const write = async (name: string, before: (graph: GraphBuilder, x: Value) => Value) => {
    const graph = new GraphBuilder("g_");
    const x = graph.input("x", "float32", ["batch", FEATURES]);
    const y = graph.MatMul(before(graph, x), graph.constant(tensor([FEATURES, 2], weights)));
    const end = { name: "end", op: "Identity", domain: "", inputs: [y.name], outputs: ["logits"], attributes: {} };
    await writeModel(
      {
        irVersion: 8,
        opsets: new Map([["", 18]]),
        producer: "",
        metadata: new Map(),
        functions: [],
        graph: {
          name,
          nodes: [...graph.nodes, end],
          inputs: graph.inputs,
          outputs: [{ name: "logits", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
          initializers: graph.initializers,
        },
      },
      join(folder, `${name}.onnx`),
    );
    const contract = {
      task: "classification",
      inputs: [
        { name: "x", dtype: "float32", shape: [null, FEATURES], kind: "tabular", range: { lower: 0, upper: 1 } },
      ],
      output: { name: "logits", kind: "logits", classes: ["up", "down"] },
    };
    await writeFile(join(folder, `${name}.contract.json`), JSON.stringify(contract));
  };
  await write("plain", (_, x) => x);
  await write("random", (graph, x) => {
    const noise = graph.op("RandomNormalLike", [x], {
      dtype: "float32",
      attributes: { scale: { type: "float", value: 0.02 } },
    });
    return graph.Add(x, noise);
  });
  await write("rounded", (graph, x) => {
    const steps = graph.op("Round", [graph.Mul(x, graph.scalar(50, x))]);
    return graph.Mul({ ...steps, dtype: "float32" }, graph.scalar(1 / 50, x));
  });
});
afterAll(() => rm(folder, { recursive: true }));

/** FGSM, PGD from where the sample is, then validity and the adaptive check: its measurement. */
async function adapted(name: string): Promise<{ fgsm: Measurement; adaptive: Measurement }> {
  const spec = { model: join(folder, `${name}.onnx`), data: join(folder, "samples.csv") };
  const [subject] = await openSubjects([spec], { threads: 1 });
  const earlier = new Map<string, FinishedCheck>();
  const common = { norm: "linf", epsilons: [EPSILON], samples: 3, seed: 0, costPerSample: 1 } as const;
  const checks = [
    accuracyCheck(3),
    attackCheck({ ...common, id: "fgsm", title: "FGSM", attack: fgsm() }),
    attackCheck({ ...common, id: "bim", title: "BIM", attack: pgd({ steps: 10, stepSize: 0.2, randomStart: false }) }),
    validityCheck,
  ];
  for (const check of checks) earlier.set(check.id, await finish(check, subject!, earlier));
  const options = { norm: "linf", epsilon: EPSILON, seed: 0, attacks: ["fgsm", "bim"], cost: 1 } as const;
  const adaptive = await finish(adaptiveCheck(options), subject!, earlier);
  await subject!.dispose();
  return { fgsm: earlier.get("fgsm")!.result, adaptive: adaptive.result };
}

async function finish(
  check: Check,
  subject: OpenSubject,
  earlier: ReadonlyMap<string, FinishedCheck>,
): Promise<FinishedCheck> {
  const steps = check.run({ subject, earlier, signal: undefined });
  let next = await steps.next();
  while (!next.done) next = await steps.next();
  const { samples, evidence, ...measurement } = next.value;
  const { id, title, kind, citation, taxonomy, parameters } = check;
  const facts = { id, title, kind, citation, taxonomy, parameters, status: "completed", seconds: 0 } as const;
  return {
    result: { warnings: [], ...facts, ...measurement },
    ...(samples && { samples }),
    ...(evidence && { evidence }),
  };
}

test("where rounding hides the gradients, it goes straight through the rounding and breaks what geometry allows", async () => {
  const { fgsm: blind, adaptive } = await adapted("rounded");
  expect(blind.attack).toMatchObject({ broken: 0, robust: 3 });
  expect(adaptive.attack).toMatchObject({ broken: 2, robust: 1, wrong: 0, failed: 0 });
  expect(adaptive.notes![0]).toMatch(
    /^Because of zero-gradients: gradients straight through the model's rounding .* broke 2 of 3 samples that stood\.$/,
  );
});

test("where the model answers differently each time, it averages gradients over its draws", async () => {
  const { adaptive } = await adapted("random");
  expect(adaptive.notes![0]).toMatch(/^Because of randomised-model: the mean of 20 gradients for each step \(EOT\)/);
  expect(adaptive.attack!.robust).toBe(1); // the sample that is far from the boundary; noise is a tenth of the radius
});

test("where no warning was given, it tries nothing and says so", async () => {
  const { fgsm: seeing, adaptive } = await adapted("plain");
  expect(seeing.attack).toMatchObject({ broken: 2, robust: 1 });
  expect(adaptive).toMatchObject({ attack: { broken: 2, robust: 1 }, queries: { forward: 0, backward: 0 } });
  expect(adaptive.notes).toEqual(["No warning called for another attack."]);
});
