import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSession, readModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { digits, start } from "./casemate.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-wrap-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

const model = join(digits, "mnist-standard.onnx");

test("wrap writes a model of the same inputs and outputs, with its contract and nothing else", async () => {
  const out = await folder();
  const output = join(out, "wrapped.onnx");
  const defences = ["--purify", "jpeg:quality=75", "--purify", "median", "--harden-output", "top-k:3"];
  const { code, stdout, stderr } = await start(["wrap", model, ...defences, "--output", output, "--json"]).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ output, purify: ["jpeg", "median"], hardenOutput: ["top-k"] });
  expect((await readdir(out)).sort()).toEqual(["wrapped.contract.json", "wrapped.onnx"]);
  const contract = JSON.parse(await readFile(join(out, "wrapped.contract.json"), "utf8"));
  expect(contract).toEqual(JSON.parse(await readFile(join(digits, "mnist-standard.contract.json"), "utf8")));
  const [before, after] = [await readModel(model), await readModel(output)];
  expect(after.graph.inputs).toEqual(before.graph.inputs);
  expect(after.graph.outputs).toEqual(before.graph.outputs);
  const session = await openSession(after);
  onTestFinished(() => session.dispose());
  const input = before.graph.inputs[0]!.name;
  const answer = await session.run({ [input]: tensor([2, 1, 28, 28]) });
  const scores = answer[before.graph.outputs[0]!.name]!.data as Float32Array;
  const isShown = (score: number) => score > Math.log(1e-12) + 1; // log-probabilities, as the model gives logits
  expect(scores.length).toBe(20);
  expect(scores.subarray(0, 10).filter(isShown).length).toBeLessThanOrEqual(3);
});

test.each([
  [[], "expected a defence, --purify or --harden-output, got none"],
  [
    ["--purify", "jpg"],
    "--purify: expected one of bit-depth, gaussian-blur, gaussian-noise, jpeg, median, total-variance, got 'jpg'",
  ],
  [["--purify", "jpeg:quality=0"], "--purify jpeg, quality: expected a number from 1 to 100, got 0"],
  [["--purify", "jpeg:size=3"], "--purify jpeg: expected quality=number, got 'size=3'"],
  [["--harden-output", "label-only:3"], "--harden-output label-only: expected no options, got '3'"],
])("wrap with %j says what is wrong, and writes nothing", async (flags, message) => {
  const out = await folder();
  const { code, stderr } = await start(["wrap", model, ...flags, "--output", join(out, "wrapped.onnx")]).ended;
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(await readdir(out)).toEqual([]);
});
