import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { autoAttack, openClassifier, run, threats } from "@casemate/attacks";
import { readDataset } from "@casemate/data";
import { readModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";

/**
 * Prints, for the three digit models, what AutoAttack (standard, Linf) leaves standing after each stage and how long that took:
 * Casemate's and, where Python can import it, the authors' on the same weights, one after the other in this run.
 * Usage: node bench/dist/autoattack.js [digits] [threads]
 */
const count = Number(process.argv[2] ?? 500);
const threads = Number(process.argv[3] ?? 2);
const python = process.env.CASEMATE_PYTHON ?? "python3";
const folder = join(import.meta.dirname, "..", "..", "examples", "digits");
const script = join(import.meta.dirname, "..", "peers", "autoattack_peer.py");
const digits = await readDataset(join(folder, "digits-test-500.npz"));

/** One stage, or all of them as "total". */
interface StageRow {
  readonly stage: string;
  readonly robust: number;
  readonly seconds: number;
}

for (const [name, epsilon] of [
  ["mnist-standard", 0.1],
  ["mnist-masked", 0.3],
  ["mnist-robust", 0.3],
] as const) {
  console.log(`${name}, Linf ${epsilon}, ${count} digits, ${threads} threads`);
  const ours = await measureOurs(name, epsilon);
  const { rows: theirs, version, missing } = measureAuthors(name, epsilon);
  for (const { stage, robust, seconds } of ours) {
    const peer = theirs.find((each) => each.stage === stage);
    const beside = peer && `; authors' ${peer.robust} in ${peer.seconds.toFixed(1)} s, ours takes`;
    const share = peer ? `${beside} ${(seconds / peer.seconds).toFixed(2)} of that` : "";
    console.log(`  ${stage}: ${robust} stand, ${seconds.toFixed(1)} s${share}`);
  }
  console.log(missing === undefined ? `  beside ${version}` : `  the authors' is missing: ${missing}`);
}

async function measureOurs(name: string, epsilon: number): Promise<readonly StageRow[]> {
  const bounds = { lower: 0, upper: 1 };
  const model = await openClassifier(await readModel(join(folder, `${name}.onnx`)), { bounds, threads });
  const x = tensor(
    [count, 1, 28, 28],
    digits.x.data.slice(0, count * 784).map((pixel) => pixel / 255),
  );
  const seconds = new Map<string, number>();
  let before = performance.now();
  const start = before;
  const { samples } = await run(model, x, digits.labels.subarray(0, count), threats.linf(epsilon), {
    attack: autoAttack(),
    onProgress({ stage }) {
      const now = performance.now();
      seconds.set(stage, (seconds.get(stage) ?? 0) + (now - before) / 1000);
      before = now;
    },
  });
  const total = (performance.now() - start) / 1000;
  await model.dispose();
  let robust = samples.filter(({ status }) => status !== "wrong").length;
  const rows = [...seconds].map(([stage, spent]): StageRow => {
    robust -= samples.filter((sample) => sample.status === "broken" && sample.stage === stage).length;
    return { stage, robust, seconds: spent };
  });
  return [...rows, { stage: "total", robust, seconds: total }];
}

function measureAuthors(
  name: string,
  epsilon: number,
): { readonly rows: readonly StageRow[]; readonly version?: string; readonly missing?: string } {
  const args = [script, join(folder, `${name}.onnx`), join(folder, "digits-test-500.npz"), epsilon, count, threads];
  const { stdout, error, status } = spawnSync(python, args.map(String), { encoding: "utf8" });
  if (error || status !== 0) {
    return {
      rows: [],
      missing: `${python} cannot import torch, onnx and autoattack; set CASEMATE_PYTHON and PYTHONPATH`,
    };
  }
  const lines = stdout.trim().split("\n");
  const { version } = JSON.parse(lines.pop()!) as { version: string };
  return { rows: lines.map((line): StageRow => JSON.parse(line)), version };
}
