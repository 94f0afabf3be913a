import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fillNormal, fillUniform } from "@casemate/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { casemate, digits, start } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-training-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

beforeAll(() => {
  for (const [name, seed] of [
    ["train.csv", 1],
    ["validation.csv", 2],
  ] as const) {
    const noise = fillNormal(new Float32Array(800), { seed, stream: 0, sample: 0, step: 0 });
    const rows = Array.from({ length: 400 }, (_, i) => {
      const center = i % 2 === 0 ? 0.3 : 0.7;
      const at = (j: number) => Math.min(1, Math.max(0, center + 0.05 * noise[2 * i + j]!)).toFixed(4);
      return `${at(0)},${at(1)},${i % 2 === 0 ? "low" : "high"}`;
    });
    writeFileSync(path(name), `first,second,label\n0,0,low\n1,1,high\n${rows.join("\n")}\n`);
  }
});

const long = (out: string, ...more: string[]) => [
  ...["train", "--architecture", "mlp", "--data", path("train.csv"), "--validation", path("validation.csv")],
  ...["--epochs", "150", "--batch-size", "20", "--learning-rate", "0.01", "--out", path(out), ...more],
];

describe("a training that is killed", () => {
  test("at twenty random moments loses no checkpoint, and ends with the bytes of one that was left alone", async () => {
    const whole = await casemate(long("whole.onnx"));
    expect(whole.code, whole.stderr).toBe(0);
    const checkpoint = path("killed.onnx.checkpoint.npz");
    const delays = fillUniform(new Float32Array(20), { seed: 4, stream: 0, sample: 0, step: 0 }, 0, 60);
    let reached = 0;
    for (const delay of delays) {
      const running = start(long("killed.onnx", "--resume"));
      const before = existsSync(checkpoint) ? statSync(checkpoint).mtimeMs : 0;
      let hasEnded = false;
      void running.ended.then(() => {
        hasEnded = true;
      });
      while (!hasEnded && (existsSync(checkpoint) ? statSync(checkpoint).mtimeMs : 0) === before) await wait(2);
      await wait(delay);
      running.process.kill("SIGKILL");
      const { stderr, code } = await running.ended;
      expect(code, stderr).toBeNull();
      const resumed = Number(/going on after step (\d+)/.exec(stderr)?.[1] ?? 0);
      if (before > 0) expect(resumed).toBeGreaterThan(reached);
      reached = resumed;
    }
    const last = await casemate(long("killed.onnx", "--resume"));
    expect(last.code, last.stderr).toBe(0);
    expect(readFileSync(path("killed.onnx"))).toEqual(readFileSync(path("whole.onnx")));
  }, 240_000);
});

describe("train", () => {
  test("writes a model, its contract and a report, and Ctrl-C keeps the best so far", async () => {
    const running = start(long("stopped.onnx"));
    await running.says(/epoch 3 /);
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code).toBe(3);
    expect(stdout).toContain("Ended early, by a signal; --resume goes on");
    expect(JSON.parse(readFileSync(path("stopped.contract.json"), "utf8")).output.classes).toEqual(["high", "low"]);
    const report = JSON.parse(readFileSync(path("stopped.onnx.training.json"), "utf8"));
    expect(report).toMatchObject({ endedBy: "interruption", data: { samples: 402 } });
    const inspected = await casemate(["inspect", path("stopped.onnx")]);
    expect(inspected.code).toBe(0);
  });

  test.each([
    [["train", "--data", "x.csv", "--out", "y.onnx"], "expected a model to go on from, or an --architecture"],
    [["train", "--architecture", "mlp", "--out", "y.onnx"], "--data: expected samples to train on, got none"],
    [["train", "--architecture", "mlp", "--data", "missing.csv", "--out", "y.onnx"], "missing.csv"],
    [["harden", "--data", "x.csv"], "expected an .onnx file to harden, got none"],
    [
      ["harden", join(digits, "mnist-standard.onnx"), "--data", join(digits, "digits-test-500.npz"), "--out", "y.onnx"],
      "--method pgd: expected an --epsilon above 0",
    ],
    [["harden", "m.onnx", "--data", "x", "--out", "y.onnx", "--method", "magic"], "Allowed choices are"],
  ])("%j is refused", async (args, message) => {
    const { code, stderr } = await casemate(args, { cwd: folder });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(existsSync(path("y.onnx"))).toBe(false);
  });
});

describe("harden", () => {
  test("prints what a model withstands before and after, and writes a model with the same ends", async () => {
    await casemate(long("base.onnx", "--epochs", "3", "--seed", "1"));
    const args = ["harden", path("base.onnx"), "--data", path("train.csv"), "--validation", path("validation.csv")];
    const { code, stdout, stderr } = await casemate([
      ...args,
      ...["--epsilon", "0.15", "--epochs", "4", "--attack-steps", "4", "--test-attack", "pgd", "--json"],
      ...["--out", path("hardened.onnx"), "--plot", path("new/curves.svg")],
    ]);
    expect(code, stderr).toBe(0);
    const { evaluation } = JSON.parse(stdout);
    expect(readFileSync(path("new/curves.svg"), "utf8")).toContain(
      "Loss, right, robust under PGD of the validation samples",
    );
    expect(evaluation.robust.after.count).toBeGreaterThanOrEqual(evaluation.robust.before.count);
    expect(evaluation.clean.after.of).toBe(402);
    const ends = async (name: string) => {
      const { inputs, outputs } = JSON.parse((await casemate(["inspect", path(name), "--json"])).stdout);
      return { inputs, outputs };
    };
    expect(await ends("hardened.onnx")).toEqual(await ends("base.onnx"));
  });

  test("lists its methods", async () => {
    const { code, stdout } = await casemate(["harden", "--list"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^trades .*Zhang et al\., 2019$/m);
  });
});
