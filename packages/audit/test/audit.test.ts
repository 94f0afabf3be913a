import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphBuilder, type Model, writeModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { audit, type InProcessOptions } from "../src/audit.ts";
import type { AuditEvent } from "../src/events.ts";
import type { AuditReport } from "../src/report.ts";

// Two classes parted by a line: logits are (a, b), so a sample falls as soon as it can be moved by half of |a − b|.
const SAMPLES: readonly (readonly [a: number, b: number, label: number])[] = [
  [0.9, 0.1, 0], // stands within 0.2
  [0.6, 0.4, 0], // falls at 0.1
  [0.3, 0.6, 1], // falls at 0.15
  [0.2, 0.9, 1], // stands
  [0.4, 0.5, 0], // wrong from the start
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-audit-"));
  await writeFile(
    join(folder, "samples.csv"),
    ["a,b,label", ...SAMPLES.map(([a, b, label]) => `${a},${b},class ${label}`)].join("\n"),
  );
  await writeModel(linear(), join(folder, "linear.onnx"));
  await writeModel(linear({ hasCompress: true }), join(folder, "compress.onnx"));
  const contract = {
    task: "classification",
    inputs: [{ name: "x", dtype: "float32", shape: [null, 2], kind: "tabular", range: { lower: 0, upper: 1 } }],
    output: { name: "logits", kind: "logits", classes: ["class 0", "class 1"] },
  };
  for (const name of ["linear", "compress"]) {
    await writeFile(join(folder, `${name}.contract.json`), JSON.stringify(contract));
  }
});
afterAll(() => rm(folder, { recursive: true }));

/** x → x · I, if asked through an operator without a gradient rule that keeps both features. */
function linear({ hasCompress = false } = {}): Model {
  const graph = new GraphBuilder("g_");
  const x = graph.input("x", "float32", ["batch", 2]);
  const keep = graph.constant({ dtype: "bool", shape: [2], data: Uint8Array.of(1, 1) });
  const kept = hasCompress ? graph.op("Compress", [x, keep], { attributes: { axis: 1 } }) : x;
  const y = graph.MatMul(kept, graph.constant(tensor([2, 2], Float32Array.of(1, 0, 0, 1))));
  const node = { name: "end", op: "Identity", domain: "", inputs: [y.name], outputs: ["logits"], attributes: {} };
  return {
    irVersion: 8,
    opsets: new Map([["", 18]]),
    producer: "",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "linear",
      nodes: [...graph.nodes, node],
      inputs: graph.inputs,
      outputs: [{ name: "logits", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}

async function run(
  model: string,
  options: InProcessOptions,
): Promise<{ readonly events: readonly AuditEvent[]; readonly report: AuditReport }> {
  const subject = { model: join(folder, model), data: join(folder, "samples.csv") };
  const events: AuditEvent[] = [];
  const running = audit([subject], options);
  for (;;) {
    const next = await running.next();
    if (next.done) return { events, report: next.value };
    events.push(next.value);
  }
}

const find = (report: AuditReport, id: string) => report.subjects[0]!.checks.find((check) => check.id === id)!;

test("a line is measured as geometry says", async () => {
  const { report } = await run("linear.onnx", { profile: "quick", epsilons: [0.05, 0.12, 0.2] });
  expect(report.status).toBe("complete");
  expect(find(report, "accuracy").metrics[0]).toMatchObject({ name: "accuracy.clean", count: 4, of: 5 });
  expect(find(report, "curve").attack?.curve.map(({ accuracy }) => accuracy)).toEqual([0.8, 0.8, 0.6, 0.4]);
  expect(find(report, "worst-case").attack).toMatchObject({ broken: 2, robust: 2, wrong: 1, failed: 0, epsilon: 0.2 });
  // the exact interval of 2 in 5: scipy.stats.binomtest(2, 5).proportion_ci(method="exact")
  const { interval } = find(report, "worst-case").metrics[0]!;
  expect(interval?.lower).toBeCloseTo(0.05274495052631566, 12);
  expect(interval?.upper).toBeCloseTo(0.8533672003653274, 12);
  expect(report.subjects[0]!.perClass.map(({ name, clean, robust }) => ({ name, clean, robust }))).toEqual([
    { name: "class 0", clean: 2 / 3, robust: 1 / 3 },
    { name: "class 1", clean: 1, robust: 1 / 2 },
  ]);
});

test("a model with an operator without a rule is attacked without gradients, and the report says so", async () => {
  const { report } = await run("compress.onnx", { profile: "standard", epsilons: [0.2] });
  const [{ checks, assumptions }] = report.subjects as [AuditReport["subjects"][number]];
  expect(checks.every(({ status }) => status === "completed")).toBe(true);
  expect(checks.filter(({ attack, id }) => attack?.access === "gradient" && id !== "worst-case")).toEqual([]);
  expect(assumptions).toContain("Without a gradient rule for Compress, only attacks that need no gradients run.");
  expect(find(report, "inspection").warnings[0]?.message).toBe("no gradient rule for Compress");
  expect(find(report, "square").attack).toMatchObject({ broken: 2, robust: 2 });
});

test("attacks are chosen by their id, and one that there is not or that cannot run is refused", async () => {
  const { report } = await run("linear.onnx", { attacks: ["hop-skip-jump", "fgsm"], epsilons: [0.2] });
  const attacks = report.subjects[0]!.checks.filter(({ kind }) => kind === "attack").map(({ id }) => id);
  expect(attacks).toEqual(["fgsm", "hop-skip-jump", "worst-case"]);
  expect(report.settings.attacks).toEqual(["hop-skip-jump", "fgsm"]);
  await expect(run("linear.onnx", { attacks: ["fgms"] })).rejects.toThrow(/no attack 'fgms': there are .*fgsm/);
  await expect(run("linear.onnx", { attacks: ["spatial"] })).rejects.toThrow(
    "'spatial': is for images, the model takes tables",
  );
  await expect(run("compress.onnx", { attacks: ["fgsm"] })).rejects.toThrow("'fgsm': needs gradients");
  await expect(run("linear.onnx", { attacks: ["fgsm"], norm: "l0", epsilons: [1] })).rejects.toThrow("no form in l0");
});

test("two models on the same samples are compared", async () => {
  const subjects = ["linear.onnx", "compress.onnx"].map((model) => ({
    model: join(folder, model),
    data: join(folder, "samples.csv"),
  }));
  const running = audit(subjects, { profile: "standard", epsilons: [0.2] });
  let next = await running.next();
  while (!next.done) next = await running.next();
  const { comparisons = [] } = next.value;
  expect(comparisons.map(({ baseline, candidate, metric }) => [baseline, candidate, metric])).toEqual([
    ["linear", "compress", "accuracy.clean"],
    ["linear", "compress", "accuracy.robust"],
  ]);
  expect(comparisons[1]).toMatchObject({ samples: 5, both: 2, neither: 3, verdict: "no difference shown", pValue: 1 });
});

test("events tell the plan first, then start and end of each check in order", async () => {
  const { events } = await run("linear.onnx", { profile: "quick", epsilons: [0.2] });
  const [started] = events;
  if (started?.type !== "started") throw new Error("expected the plan first");
  const planned = started.subjects[0]!.checks.map(({ id }) => id);
  const of = (type: "check-started") => events.flatMap((event) => (event.type === type ? [event.check] : []));
  expect(of("check-started")).toEqual(planned);
  expect(events.flatMap((event) => (event.type === "check-finished" ? [event.result.id] : []))).toEqual(planned);
});

test("an aborted audit reports what is finished and names the rest", async () => {
  const stop = new AbortController();
  const subject = { model: join(folder, "linear.onnx"), data: join(folder, "samples.csv") };
  const running = audit([subject], { profile: "quick", epsilons: [0.2], signal: stop.signal });
  let next = await running.next();
  while (!next.done) {
    if (next.value.type === "check-finished" && next.value.result.id === "noise") {
      stop.abort({ reason: "budget", message: "enough" });
    }
    next = await running.next();
  }
  expect(next.value).toMatchObject({ status: "partial", interruption: { reason: "budget", message: "enough" } });
  expect(next.value.subjects[0]!.notRun).toEqual(["curve", "validity", "worst-case"]);
});

test("other seeds choose other samples, the same seed the same", async () => {
  const chosen = async (seed: number) => {
    const { report } = await run("linear.onnx", { profile: "quick", epsilons: [0.2], samples: 2, seed });
    return JSON.stringify(report.subjects[0]!.checks.map(({ metrics }) => metrics));
  };
  const first = await chosen(1);
  expect(await chosen(1)).toBe(first);
  const others = await Promise.all([2, 3, 4, 5].map(chosen));
  expect(others.some((other) => other !== first)).toBe(true);
});

test("what bounds certify is what geometry says, and what the attacks leave standing", async () => {
  const { report } = await run("linear.onnx", { profile: "standard", epsilons: [0.2] });
  const { status, metrics, notes } = find(report, "certified");
  expect(status).toBe("completed");
  expect(metrics.slice(0, 3)).toMatchObject([
    { name: "accuracy.certified", count: 2, of: 5 },
    { name: "accuracy.attacked", count: 2, of: 5 },
    { name: "accuracy.undecided", count: 0, of: 5 },
  ]);
  expect(notes?.[0]).toContain("lies between 2 certified and 2 that no attack broke");
});

test("the bracket stands at every radius, and only narrows as it grows", async () => {
  const { report } = await run("linear.onnx", { profile: "standard", epsilons: [0.05, 0.09, 0.2] });
  const { metrics, notes } = find(report, "certified");
  const counts = (name: string) =>
    ["", ".0.09", ".0.05"].map((suffix) => metrics.find((each) => each.name === `accuracy.${name}${suffix}`)?.count);
  // a linear model: what is certified is what no attack breaks, at each radius
  expect(counts("certified")).toEqual(counts("attacked"));
  expect(counts("certified")[0]).toBe(2);
  const [large, middle, small] = counts("certified") as [number, number, number];
  expect(large).toBeLessThanOrEqual(middle);
  expect(middle).toBeLessThanOrEqual(small);
  expect(notes).toEqual([
    `At 0.2, robust accuracy of these 5 samples lies between 2 certified and 2 that no attack broke; at 0.05 ${small} to ${small}, at 0.09 ${middle} to ${middle}.`,
  ]);
});

test("estimates of robustness are what geometry says", async () => {
  const { report } = await run("linear.onnx", { profile: "thorough", epsilons: [0.2] });
  const { status, metrics, notes } = find(report, "metrics");
  expect(status).toBe("completed");
  const [clever, empirical, sensitivity] = metrics;
  const right = SAMPLES.slice(0, 4);
  const distance = (a: number, b: number) => Math.min(0.4, Math.abs(a - b) / 2); // in Linf, ending at twice epsilon
  expect(clever!.value).toBeCloseTo(right.reduce((sum, [a, b]) => sum + distance(a, b), 0) / SAMPLES.length, 5);
  const shares = right.map(([a, b]) => Math.abs(a - b) / Math.SQRT2 / Math.hypot(a, b));
  const share = shares.reduce((sum, each) => sum + each, 0) / shares.length;
  expect(empirical!.value / share).toBeGreaterThan(0.999);
  expect(empirical!.value / share).toBeLessThan(1.05); // DeepFool's overshoot
  const slopes = SAMPLES.map(([a, b, label]) => Math.SQRT2 / (1 + Math.exp(label === 0 ? a - b : b - a)));
  expect(sensitivity!.value).toBeCloseTo(slopes.reduce((sum, each) => sum + each, 0) / SAMPLES.length, 5);
  expect(notes?.[0]).toContain("no certificate");
});

test("a model that cannot be bounded has no certified row, and the report says why", async () => {
  const { report } = await run("compress.onnx", { profile: "standard", epsilons: [0.2] });
  const [{ checks, assumptions }] = report.subjects as [AuditReport["subjects"][number]];
  expect(checks.some(({ id }) => id === "certified")).toBe(false);
  expect(assumptions.some((each) => each.startsWith("Nothing is certified: ") && each.includes("Compress"))).toBe(true);
});
