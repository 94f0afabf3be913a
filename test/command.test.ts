import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../packages/casemate/src/main.ts";
import { casemate, digits, type Ended, iris, root, start } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-command-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const standard = join(digits, "mnist-standard.onnx");
const robust = join(digits, "mnist-robust.onnx");
const data = join(digits, "digits-test-500.npz");
const quick = ["--data", data, "--epsilon", "0.3", "--profile", "quick", "--samples", "24"];
const readReport = (out: string) => JSON.parse(readFileSync(join(out, "report.json"), "utf8"));

describe("help", () => {
  test.each([
    [["--help"]],
    [["audit", "--help"]],
    [["inspect", "--help"]],
    [["certify", "--help"]],
    [["contract", "--help"]],
    [["harden", "--help"]],
    [["smooth", "--help"]],
    [["train", "--help"]],
    [["probe", "--help"]],
    [["scan", "--help"]],
    [["data", "--help"]],
    [["data", "manifest", "--help"]],
    [["diff", "--help"]],
    [["keys", "--help"]],
    [["keys", "generate", "--help"]],
    [["keys", "public", "--help"]],
    [["keys", "add", "--help"]],
    [["keys", "rotate", "--help"]],
    [["keys", "revoke", "--help"]],
    [["sign", "--help"]],
    [["verify", "--help"]],
    [["attest", "--help"]],
    [["gate", "--help"]],
    [["log", "--help"]],
    [["log", "append", "--help"]],
    [["log", "show", "--help"]],
    [["log", "verify", "--help"]],
    [["log", "witness", "--help"]],
    ...[
      "detect",
      "partitions",
      "patches",
      "wrap",
      "serve",
      "login",
      "environment",
      "register",
      "promote",
      "approve",
      "release",
      "revoke",
      "pull",
      "backup",
      "restore",
    ].map((name) => [[name, "--help"]]),
    [["tenant", "add", "--help"]],
    [["user", "add", "--help"]],
  ])("%j", async (args) => {
    // within this process: the real command is started by every other test
    const written = { stdout: "", stderr: "" };
    const into = (name: keyof typeof written) => ({
      write: (text: string) => {
        written[name] += text;
      },
    });
    const code = await main(args, { stdout: into("stdout"), stderr: into("stderr"), env: {} });
    const { stdout, stderr } = written;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Examples:");
    expect(stdout).toMatchSnapshot();
  });

  test("--version prints the version of all packages", async () => {
    const { version } = JSON.parse(readFileSync(join(root, "packages/casemate/package.json"), "utf8"));
    expect(await casemate(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("inspect", () => {
  test("says what is in a model and how each operator is differentiated", async () => {
    const { code, stdout } = await casemate(["inspect", join(iris, "iris-mlp.onnx")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/input\s+X float32 \[\?, 4\]/);
    expect(stdout).toMatch(/^MatMul +3 {2}exact$/m);
    expect(stdout).toMatch(/^ArgMax +1 {2}zero/m);
    // 4·16 + 16 + 16·16 + 16 + 16·3 + 3
    expect(stdout).toMatch(/parameters\s+403/);
  });

  test("prints JSON and nothing else on request", async () => {
    const { code, stdout, stderr } = await casemate(["inspect", standard, "--json"]);
    const model = JSON.parse(stdout);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(model.operators.map(({ name, count }: { name: string; count: number }) => [name, count])).toEqual([
      ["Conv", 2],
      ["Flatten", 1],
      ["Gemm", 2],
      ["Relu", 3],
    ]);
    expect(model.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["batch", 10] }]);
  });
});

describe("audit --list", () => {
  test("prints the plan of each profile and the attacks outside of them with a reason, for people and for machines", async () => {
    const { code, stdout } = await casemate(["audit", "--list"]);
    expect(code).toBe(0);
    for (const profile of ["quick", "standard", "thorough"]) expect(stdout).toContain(`${profile}, in L∞`);
    expect(stdout).toMatch(/^ {2}fgsm +FGSM +gradient +images, tables$/m);
    expect(stdout).toMatch(/^ {2}gaussian-noise .*L∞ L2 L1 {2,}\w.*\.$/m);

    const json = JSON.parse((await casemate(["audit", "--list", "--norm", "l2", "--json"])).stdout);
    const plan = (name: string, kind: string): readonly string[] =>
      json.profiles
        .find(({ profile }: { profile: string }) => profile === name)
        .plans.find((each: { kind: string }) => each.kind === kind).attacks;
    expect(plan("quick", "images")).toContain("fgsm");
    expect(plan("thorough", "trees")).not.toContain("fgsm"); // a tree has no gradients
    for (const { id, profiles, reason } of json.attacks) expect(profiles.length > 0, id).toBe(reason === undefined);
  });

  test("is not needed where attacks are named", async () => {
    const args = ["audit", standard, ...quick, "--attack", "fgsm", "--out", join(folder, "named"), "--json"];
    const { code, stdout } = await casemate(args);
    expect(code).toBe(0);
    const { subjects } = JSON.parse(stdout);
    expect(subjects[0].checks.map(({ id }: { id: string }) => id)).toEqual([
      "inspection",
      "accuracy",
      "fgsm",
      "validity",
      "worst-case",
    ]);
  });
});

describe("contract", () => {
  test("drafts one that the audit accepts, and says what it inferred", async () => {
    const out = join(folder, "iris.contract.json");
    const drafted = await casemate([
      "contract",
      join(iris, "iris-mlp.onnx"),
      "--data",
      join(iris, "test.csv"),
      "--out",
      out,
    ]);
    expect(drafted.code).toBe(0);
    expect(drafted.stdout).toBe("");
    expect(drafted.stderr).toMatch(/^inferred: .*range/m);
    const { inputs, output } = JSON.parse(readFileSync(out, "utf8"));
    expect(inputs[0]).toMatchObject({ name: "X", dtype: "float32", shape: [null, 4], kind: "tabular" });
    expect(output.classes).toEqual(["setosa", "versicolor", "virginica"]);
    const audited = await casemate([
      ...["audit", join(iris, "iris-mlp.onnx"), "--contract", out, "--data", join(iris, "test.csv")],
      ...["--profile", "quick", "--out", join(folder, "drafted")],
    ]);
    expect(audited.code).toBe(0);
  });

  test("goes to standard output where no file is named", async () => {
    const { code, stdout } = await casemate(["contract", standard]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).output).toMatchObject({ name: "logits", kind: "logits" });
  });
});

describe("an audit of two models", () => {
  const out = join(folder, "two");
  let ended: Ended;
  beforeAll(async () => {
    ended = await casemate(["audit", standard, robust, ...quick, "--out", out, "--json"]);
  });

  test("completes with 0 and one JSON document on standard output", () => {
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toEqual(readReport(out));
  });

  test("meets the published schema", () => {
    const schema = JSON.parse(readFileSync(join(root, "packages/audit/schemas/audit-report.json"), "utf8"));
    const validate = new Ajv({ strict: false }).compile(schema);
    validate(readReport(out));
    expect(validate.errors ?? []).toEqual([]);
  });

  test("tells the models apart", () => {
    const [first, second] = readReport(out).subjects;
    expect(first.name).toBe("mnist-standard");
    expect(second.name).toBe("mnist-robust");
    expect(metric(first, "worst-case", "accuracy.robust").count).toBe(0);
    expect(metric(second, "worst-case", "accuracy.robust").count).toBeGreaterThan(15);
    expect(metric(first, "accuracy", "accuracy.clean").of).toBe(24);
  });

  test("leaves every form of the report, and no temporary file", () => {
    expect(readdirSync(out).sort()).toEqual([
      "checks",
      "report.html",
      "report.json",
      "report.junit.xml",
      "report.sarif",
    ]);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("mnist-robust");
  });

  test("prints one line for each check where no terminal watches", () => {
    const lines = ended.stderr.trimEnd().split("\n");
    const checks = readReport(out).subjects.flatMap(({ checks: each }: { checks: unknown[] }) => each);
    expect(lines.filter((line) => line.startsWith("done"))).toHaveLength(checks.length);
    expect(ended.stderr).not.toContain("\u001b");
  });
});

test("a classifier from scikit-learn is audited with its own table", async () => {
  const out = join(folder, "iris");
  const args = [
    "audit",
    join(iris, "iris-mlp.onnx"),
    "--data",
    join(iris, "test.csv"),
    "--epsilon",
    "0.1",
    "--out",
    out,
  ];
  const { code, stdout } = await casemate(args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Accuracy on clean samples +98\.3% \(59 of 60\)/);
  const [subject] = readReport(out).subjects;
  expect(subject.assumptions.join(" ")).toMatch(/cut .*ZipMap.*Softmax/s);
  // PyTorch with the same weights, PGD of 100 steps from 50 starts in the same box: 31 stand
  const { count, of } = metric(subject, "worst-case", "accuracy.robust");
  expect(of).toBe(60);
  expect(Math.abs(count - 31)).toBeLessThanOrEqual(1);
  expect(subject.gallery[0].changes[0].feature).toMatch(/\(cm\)$/);
});

describe("a gate", () => {
  const gate = join(digits, "gate.json");

  test("that is met ends with 0", async () => {
    const args = ["audit", robust, ...quick, "--samples", "80", "--gate", gate, "--out", join(folder, "met")];
    const { code, stdout } = await casemate(args);
    expect(stdout).toContain("Gate met");
    expect(code).toBe(0);
  });

  test("that is not met ends with 1 and says which rule", async () => {
    const out = join(folder, "unmet");
    const { code, stdout } = await casemate(["audit", standard, ...quick, "--gate", gate, "--out", out]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/NOT MET mnist-standard: worst-case: accuracy\.robust/);
    expect(readReport(out).gate.met).toBe(false);
  });
});

test("checks that cannot run are failed, and the audit ends with 3", async () => {
  const out = join(folder, "failed");
  const { code, stdout } = await casemate(["audit", standard, ...quick, "--device", "abacus", "--out", out]);
  expect(code).toBe(3);
  expect(stdout).toMatch(/failed mnist-standard: FGSM: .*abacus/);
  const { status, subjects } = readReport(out);
  expect(status).toBe("complete");
  const outcomes = subjects[0].checks.map((check: Report) => [check.status, check.metrics.length]);
  expect(new Set(outcomes.map(String))).toEqual(new Set(["failed,0"]));
});

describe("an audit that ends early", () => {
  const long = (out: string) => ["audit", robust, "--data", data, "--epsilon", "0.3", "--samples", "200", "--out", out];

  test("by a signal: reports what is finished and what is not, and ends with 3", async () => {
    const out = join(folder, "signal");
    const running = start(long(out));
    await running.says(/done.*FGSM/);
    running.process.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code).toBe(3);
    expect(stdout).toContain("This report is partial");
    const report = readReport(out);
    expect(report).toMatchObject({ status: "partial", interruption: { reason: "signal" } });
    expect(report.subjects[0].checks.map(({ id }: { id: string }) => id)).toContain("fgsm");
    expect(report.subjects[0].notRun).toContain("worst-case");
  });

  test("by two signals: does not wait for the step, and still reports", async () => {
    const out = join(folder, "twice");
    const running = start(long(out));
    await running.says(/done.*FGSM/);
    running.process.kill("SIGINT");
    await running.says(/again to stop at once/);
    running.process.kill("SIGINT");
    const { code } = await running.ended;
    expect(code).toBe(3);
    expect(readReport(out).status).toBe("partial");
  });

  test("by its budget of time", async () => {
    const out = join(folder, "seconds");
    const { code } = await casemate([...long(out), "--budget", "2s"]);
    expect(code).toBe(3);
    expect(readReport(out).interruption).toEqual({
      reason: "budget",
      message: "the budget of 2 seconds was used up",
    });
  });

  test("by the death of the process that runs the checks: the same", async () => {
    const out = join(folder, "killed");
    const running = start([...long(out), "--verbose"]);
    const [, pid] = await running.says(/checks run in process (\d+)/);
    await running.says(/done.*FGSM/);
    process.kill(Number(pid), "SIGKILL");
    const { code } = await running.ended;
    expect(code).toBe(3);
    expect(readReport(out)).toMatchObject({
      status: "partial",
      interruption: { reason: "crash", message: expect.stringContaining("SIGKILL") },
    });
    expect(existsSync(join(out, "report.html"))).toBe(true);
  });

  test("by its budget of queries, and is resumed to the same numbers as one that never stopped", async () => {
    const out = join(folder, "resumed");
    const args = ["audit", standard, ...quick, "--out", out];
    const stopped = await casemate([...args, "--budget", "100q"]);
    expect(stopped.code).toBe(3);
    const before = readReport(out);
    expect(before.interruption).toEqual({ reason: "budget", message: "the budget of 100 queries was used up" });
    expect(before.subjects[0].checks.length).toBeGreaterThan(0);
    expect(before.subjects[0].notRun.length).toBeGreaterThan(0);
    const resumed = await casemate([...args, "--resume"]);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain("from the earlier run");
    const whole = join(folder, "whole");
    await casemate(["audit", standard, ...quick, "--out", whole]);
    expect(withoutTimes(readReport(out))).toEqual(withoutTimes(readReport(whole)));
    const other = await casemate([...args, "--seed", "5", "--resume"]);
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toContain("cannot resume: seed was 0, is 5");
  });
});

type Report = ReturnType<typeof JSON.parse>;

/** The part of a report that must not depend on when and how often it was run. */
function withoutTimes({ subjects }: Report): unknown {
  return subjects.map(({ checks, ...subject }: Report) => ({
    ...subject,
    checks: checks.map(({ seconds: _, ...check }: Report) => check),
  }));
}

function metric(subject: Report, check: string, name: string): Report {
  const found = subject.checks.find(({ id }: Report) => id === check);
  return found.metrics.find((each: Report) => each.name === name);
}
