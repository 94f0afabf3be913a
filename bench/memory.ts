import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNpz } from "@casemate/data";
import { prepare, probe, readModel, writeModel } from "@casemate/onnx";
import { sizeOf } from "@casemate/tensor";
import { multilayerPerceptron, noise } from "./networks.ts";

/**
 * Prints the peak memory of `casemate audit`, both processes together, beside what it may take: six times the weights, twice
 * the activations of one batch, and 300 MB. Reads /proc, so it runs on Linux only.
 */
const batch = 64; // the attacks' own
const samples = 128;
const root = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "casemate-memory-"));
try {
  const small = join(folder, "small.onnx");
  await writeModel(multilayerPerceptron([784, 128, 10]), small);
  const large = join(folder, "large.onnx");
  await writeModel(multilayerPerceptron([784, 8192, 8192, 6100, 10]), large);
  const x = noise([samples, 784]);
  const data = join(folder, "samples.npz");
  await writeNpz(data, {
    x: { ...x, data: x.data.map((each) => (each + 1) / 2) },
    y: { dtype: "int64", shape: [samples], data: BigInt64Array.from({ length: samples }, (_, i) => BigInt(i % 10)) },
  });
  for (const path of [small, large]) {
    const weights = statSync(path).size;
    const limit = 6 * weights + 2 * (await activationBytes(path)) + 300e6;
    const peak = await peakOf(["audit", path, "--data", data, "--profile", "standard", "--out", join(folder, "out")]);
    const [weightMb, peakMb, limitMb] = [weights, peak, limit].map((bytes) => `${Math.round(bytes / 1e6)} MB`);
    console.log(`weights ${weightMb}: peak ${peakMb}, ${(peak / limit).toFixed(2)} of the ${limitMb} allowed`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Bytes of all intermediate values of one batch. */
async function activationBytes(path: string): Promise<number> {
  const model = await prepare(await readModel(path), []);
  const seen = await probe(model, [{ x: noise([batch, 784]) }]);
  const names = model.graph.nodes.flatMap((node) => node.outputs);
  return names.reduce((sum, name) => sum + 4 * sizeOf(seen.observed(name)[0]!), 0);
}

/** The largest sum of resident memory that the command and its children reached, in bytes. */
async function peakOf(args: readonly string[]): Promise<number> {
  const command = spawn(process.execPath, [join(root, "packages/casemate/bin/casemate.mjs"), ...args], {
    stdio: "ignore",
  });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentOf(command.pid!));
  }, 20);
  const code = await new Promise<number | null>((resolve) => command.once("exit", resolve));
  clearInterval(timer);
  if (code !== 0) {
    throw new Error(`casemate ${args.join(" ")}: expected exit code 0, got ${code}`);
  }
  return peak;
}

function residentOf(pid: number): number {
  try {
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return children.reduce((sum, child) => sum + residentOf(Number(child)), kilobytes * 1024);
  } catch {
    return 0; // it ended between the list and the look
  }
}
