import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { malicious } from "../packages/scan/test/corpus/index.ts";
import { casemate, digits, root } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-scan-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const standard = join(digits, "mnist-standard.onnx");
const models = join(folder, "models");
const evil = join(models, "evil.bin");
const bytesOf = (name: string) => malicious.find((file) => file.name === name)!.bytes();
const read = (name: string) => readFileSync(join(folder, name), "utf8");

beforeAll(() => {
  mkdirSync(models);
  writeFileSync(evil, bytesOf("call-os.system"));
  writeFileSync(
    join(models, "README.md"),
    "---\nlicense: mit\npipeline_tag: text-classification\ndatasets: [digits]\n---\n# A model\n",
  );
  writeFileSync(join(models, "config.json"), '{"model_type": "bert", "architectures": ["BertModel"]}\n');
  writeFileSync(join(models, "model.onnx"), readFileSync(standard));
  writeFileSync(join(models, "requirements.txt"), `numpy==2.1.0 --hash=sha256:${"a".repeat(64)}\n`);
});

describe("casemate scan", () => {
  test("ends with 0 for a clean model, and says that clean is not safe", async () => {
    const { code, stdout } = await casemate(["scan", standard]);
    expect(code).toBe(0);
    expect(stdout).toContain("1 with no known indicator");
  });

  test("ends with 1 for a malicious file whatever its name, and names what it would do", async () => {
    const { code, stdout } = await casemate(["scan", evil]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/malicious .*evil\.bin \(pickle\)/);
    expect(stdout).toContain('calls os.system("id")');
  });

  test("--fail-on never ends with 0, suspicious with 1 for what is only suspicious", async () => {
    expect((await casemate(["scan", evil, "--fail-on", "never"])).code).toBe(0);
    const odd = join(folder, "odd.pkl");
    writeFileSync(odd, bytesOf("call-some_unknown_package.models.Network"));
    expect((await casemate(["scan", odd])).code).toBe(0);
    expect((await casemate(["scan", odd, "--fail-on", "suspicious"])).code).toBe(1);
  });

  test("a file that cannot be scanned fails as a malicious one does", async () => {
    const unknown = join(folder, "unknown");
    writeFileSync(unknown, Buffer.from([0, 1, 2, 3, 255]));
    const { code, stdout } = await casemate(["scan", unknown]);
    expect({ code, isNamed: stdout.includes("unscannable") }).toEqual({ code: 1, isNamed: true });
  });

  test("a path that is not there ends with 2 and its name", async () => {
    const { code, stderr } = await casemate(["scan", join(folder, "absent")]);
    expect(code).toBe(2);
    expect(stderr).toContain("absent");
  });

  test("--json is the report, and nothing else", async () => {
    const { stdout } = await casemate(["scan", models, "--json"]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ schema: "casemate-scan/1", verdict: "malicious", counts: { malicious: 1 } });
  });

  test("writes SARIF that meets its schema, with digests and byte offsets", async () => {
    await casemate(["scan", models, "--sarif", join(folder, "scan.sarif")]);
    const log = JSON.parse(read("scan.sarif"));
    const {
      $schema: _,
      id: __,
      ...schema
    } = JSON.parse(readFileSync(join(root, "packages/audit/test/vectors/sarif-2.1.0-rtm.5.json"), "utf8"));
    const check = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(schema);
    expect(check(log), JSON.stringify(check.errors)).toBe(true);
    const call = log.runs[0].results.find(({ ruleId }: { ruleId: string }) => ruleId === "pickle/dangerous-call");
    expect(call).toMatchObject({ level: "error", locations: [{ physicalLocation: { region: { byteOffset: 21 } } }] });
  });

  test("writes JUnit with a case for each file", async () => {
    await casemate(["scan", models, "--junit", join(folder, "scan.xml")]);
    expect(read("scan.xml")).toMatch(
      /<testsuites name="casemate scan" tests="\d+" failures="1" errors="0" skipped="0">/,
    );
  });

  test("writes a bill of materials that the official schema of CycloneDX 1.6 takes", async () => {
    const manifest = join(folder, "data.json");
    await casemate([
      "data",
      "manifest",
      join(models, "README.md"),
      "--licence",
      "MIT",
      "--source",
      "https://example.com/data",
      "--out",
      manifest,
    ]);
    await casemate(["scan", models, "--bom", join(folder, "bom.json"), "--dataset", manifest]);
    const text = read("bom.json");
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text)).toBeNull();
    const { components } = JSON.parse(text);
    expect(components.map(({ type, name }: { type: string; name: string }) => `${type} ${name}`)).toEqual(
      expect.arrayContaining([
        "machine-learning-model model.onnx",
        "library numpy",
        "data README.md",
        "file config.json",
      ]),
    );
    const model = components.find(({ name }: { name: string }) => name === "model.onnx");
    expect(model.modelCard.modelParameters).toMatchObject({
      task: "text-classification",
      architectureFamily: "bert",
      modelArchitecture: "BertModel",
    });
  });

  test("a suppression holds for one rule, one digest and a time", async () => {
    const { stdout } = await casemate(["scan", evil, "--json"]);
    const [{ sha256, findings }] = JSON.parse(stdout).files;
    const suppress = join(folder, "accepted.json");
    const accept = (expires: string, digest: string) => {
      const list = findings.map(({ rule }: { rule: string }) => ({ rule, sha256: digest, reason: "a test", expires }));
      writeFileSync(suppress, JSON.stringify(list));
      return casemate(["scan", evil, "--suppress", suppress]);
    };
    expect((await accept("2999-12-31", sha256)).code).toBe(0);
    expect((await accept("2020-01-01", sha256)).code).toBe(1);
    expect((await accept("2999-12-31", "0".repeat(64))).code).toBe(1);
    writeFileSync(suppress, '[{"rule": "pickle/dangerous-call"}]');
    const wrong = await casemate(["scan", evil, "--suppress", suppress]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/accepted\.json, suppression 1: expected sha256/);
  });

  test("a file that takes too long is unscannable, and the rest is scanned", async () => {
    const slow = join(folder, "slow");
    mkdirSync(slow);
    writeFileSync(join(slow, "b.md"), "# Text\n");
    const opcodes = Buffer.alloc(400 * 2 ** 20, Buffer.from([0x4b, 0x01, 0x30])); // a push and a pop, over and over
    writeFileSync(join(slow, "a.pkl"), Buffer.concat([Buffer.from([0x80, 2]), opcodes]));
    const { code, stdout } = await casemate(["scan", slow, "--time-limit", "1", "--json"]);
    expect(code).toBe(1);
    const verdicts = JSON.parse(stdout).files.map(({ path, verdict }: { path: string; verdict: string }) => [
      path.slice(slow.length + 1),
      verdict,
    ]);
    expect(verdicts).toEqual([
      ["a.pkl", "unscannable"],
      ["b.md", "clean"],
    ]);
  });
});

test("the step of action.yml ends as the scan does, and writes the findings for code scanning", () => {
  const [, step = ""] = /^ {6}run: (node .*)$/m.exec(readFileSync(join(root, "action.yml"), "utf8")) ?? [];
  const runOn = (paths: string, failOn: string) =>
    spawnSync("bash", ["-c", step], {
      cwd: folder,
      env: {
        ...process.env,
        GITHUB_ACTION_PATH: root,
        SCAN_PATHS: paths,
        SCAN_FAIL_ON: failOn,
        SCAN_SARIF: "action.sarif",
        SCAN_ARGUMENTS: "",
      },
    }).status;
  expect(runOn(`${evil} ${standard}`, "unscannable")).toBe(1);
  expect(JSON.parse(read("action.sarif")).runs[0].artifacts).toHaveLength(2);
  expect(runOn(evil, "never")).toBe(0);
  expect(runOn(`${standard}; false`, "never")).toBe(2); // read as paths, not as a command
});

test("casemate audit loads no model that its scan calls malicious", async () => {
  const model = join(folder, "external.onnx");
  writeFileSync(model, bytesOf("onnx-python"));
  const { code, stderr } = await casemate([
    "audit",
    model,
    "--data",
    join(digits, "digits-test-500.npz"),
    "--out",
    join(folder, "report"),
  ]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/external\.onnx was not loaded: operator that runs python \(onnx\/python-operator\)/);
});

describe("casemate diff", () => {
  test("ends with 0 for the same model and 1 for another, with what changed", async () => {
    expect((await casemate(["diff", standard, standard])).code).toBe(0);
    const { code, stdout } = await casemate(["diff", standard, join(digits, "mnist-robust.onnx")]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/changed\s+0\.weight\s+float32 \[16, 1, 5, 5\]\s+400/);
    expect(stdout).toContain("8 tensors and 0 nodes differ");
  });
});

describe("casemate data", () => {
  test("verify lists what changed, came and went", async () => {
    const set = join(folder, "set");
    mkdirSync(set);
    for (const name of ["a.csv", "b.csv", "c.csv"]) writeFileSync(join(set, name), "x,y\n1,one\n2,two\n");
    const manifest = join(folder, "set.json");
    expect((await casemate(["data", "manifest", set, "--out", manifest])).code).toBe(0);
    expect(JSON.parse(readFileSync(manifest, "utf8")).files[0]).toMatchObject({
      path: "a.csv",
      rows: 2,
      columns: [
        { name: "x", type: "integer" },
        { name: "y", type: "text" },
      ],
    });
    expect((await casemate(["data", "verify", set, "--manifest", manifest])).code).toBe(0);
    writeFileSync(join(set, "a.csv"), "x,y\n1,one\n2,too\n");
    rmSync(join(set, "b.csv"));
    writeFileSync(join(set, "d.csv"), "x\n");
    const { code, stdout } = await casemate(["data", "verify", set, "--manifest", manifest, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      { path: "a.csv", change: "changed" },
      { path: "b.csv", change: "removed" },
      { path: "d.csv", change: "added" },
    ]);
  });

  test("a manifest whose list was touched is refused", async () => {
    const manifest = join(folder, "set.json");
    const value = JSON.parse(readFileSync(manifest, "utf8"));
    value.files[0].sha256 = "0".repeat(64);
    writeFileSync(manifest, JSON.stringify(value));
    const { code, stderr } = await casemate(["data", "verify", join(folder, "set"), "--manifest", manifest]);
    expect(code).toBe(2);
    expect(stderr).toContain("its digest is not that of its list of files");
  });
});
