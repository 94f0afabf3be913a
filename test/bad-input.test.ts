import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { casemate, digits, iris } from "./casemate.ts";

const folder = mkdtempSync(join(tmpdir(), "casemate-bad-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
};

const model = join(iris, "iris-mlp.onnx");
const data = join(iris, "test.csv");
const table = readFileSync(data, "utf8").trimEnd().split("\n");
const bytes = readFileSync(model);
const contract = JSON.parse(readFileSync(join(iris, "iris-mlp.contract.json"), "utf8"));
const contractWith = (change: (copy: typeof contract) => void): string => {
  const copy = structuredClone(contract);
  change(copy);
  return JSON.stringify(copy);
};

/** The model with the first weight of an initializer made NaN: its raw data follows its name and field 9 of the message. */
function withNaN(name: string): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const start = bytes.indexOf(`${name}\u004a`) + name.length + 2;
  new DataView(copy.buffer).setFloat32(start, Number.NaN, true);
  return copy;
}

const PNG_1X1 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
const PNG_2X1 = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNgAAMAAAMAAXhS2JkAAAAASUVORK5CYII=";

interface Case {
  readonly name: string;
  readonly args: () => readonly string[];
  readonly says: RegExp;
}

const audit =
  (...args: readonly string[]): (() => readonly string[]) =>
  () => ["audit", ...args];
const withData =
  (name: string, content: string): (() => readonly string[]) =>
  () => ["audit", model, "--data", write(name, content)];
const withContract =
  (name: string, content: string): (() => readonly string[]) =>
  () => ["audit", model, "--data", data, "--contract", write(name, content)];

const cases: readonly Case[] = [
  { name: "a missing model", args: audit("none.onnx", "--data", data), says: /none\.onnx/ },
  {
    name: "a model that is not ONNX",
    args: () => ["audit", write("text.onnx", "This is no model."), "--data", data],
    says: /text\.onnx: not an ONNX model/,
  },
  {
    name: "a truncated model",
    args: () => ["audit", write("short.onnx", bytes.subarray(0, 1500)), "--data", data],
    says: /short\.onnx: .+/,
  },
  {
    name: "weights that are not numbers",
    args: () => ["audit", write("nan.onnx", withNaN("intercepts1")), "--data", data],
    says: /initializer 'intercepts1' holds values that are not numbers/,
  },
  {
    name: "a contract with another rank than the model's input",
    args: withContract(
      "rank.json",
      contractWith((copy) => {
        copy.inputs[0] = { ...copy.inputs[0], shape: [null, 2, 2] };
      }),
    ),
    says: /input 'X': expected shape .* contract says/,
  },
  {
    name: "a contract that names an input that is not there",
    args: withContract(
      "input.json",
      contractWith((copy) => {
        copy.inputs[0].name = "Y";
      }),
    ),
    says: /'Y' is not in the model/,
  },
  {
    name: "a contract with a class too few",
    args: withContract(
      "classes.json",
      contractWith((copy) => copy.output.classes.pop()),
    ),
    says: /2 classes/,
  },
  { name: "a contract that is not JSON", args: withContract("half.json", '{"task"'), says: /half\.json: not JSON/ },
  {
    name: "a contract with an unknown field",
    args: withContract(
      "field.json",
      contractWith((copy) => {
        copy.bounds = [0, 1];
      }),
    ),
    says: /unknown property 'bounds'/,
  },
  { name: "a missing contract", args: audit(model, "--data", data, "--contract", "none.json"), says: /none\.json/ },
  { name: "no samples named", args: audit(model), says: /--data/ },
  { name: "missing samples", args: audit(model, "--data", "none.csv"), says: /none\.csv/ },
  {
    name: "samples of the wrong shape",
    args: withData("wide.csv", "a,b,c,d,e,species\n1,1,1,1,1,setosa\n"),
    says: /expected samples of shape \[4\], got \[5\]/,
  },
  {
    name: "samples of another model",
    args: audit(join(digits, "mnist-robust.onnx"), "--data", data),
    says: /expected samples of shape \[1, 28, 28\], got \[4\]/,
  },
  {
    name: "labels out of range",
    args: withData("number.csv", `${table[0]}\n5.1,3.5,1.4,0.2,3\n`),
    says: /sample 0: expected a label from 0 to 2, got 3/,
  },
  {
    name: "labels that the contract does not know",
    args: withData("label.csv", `${table.slice(0, 3).join("\n")}\n5.1,3.5,1.4,0.2,tulip\n`),
    says: /label 'tulip' is not among the contract's classes/,
  },
  { name: "no samples in the file", args: withData("empty.csv", `${table[0]}\n`), says: /empty\.csv/ },
  { name: "an empty file", args: withData("nothing.csv", ""), says: /nothing\.csv/ },
  {
    name: "values that are not numbers",
    args: withData("nan.csv", `${table[0]}\n5.1,NaN,1.4,0.2,setosa\n`),
    says: /nan\.csv/,
  },
  {
    name: "values outside of the contract's range",
    args: withData("scaled.csv", `${table[0]}\n51,35,14,2,setosa\n`),
    says: /range .* scaled differently/,
  },
  {
    name: "rows of different length",
    args: withData("ragged.csv", `${table[0]}\n5.1,3.5,1.4,0.2,setosa\n5.1,3.5,setosa\n`),
    says: /ragged\.csv/,
  },
  {
    name: "pictures of different size",
    args: () => {
      write("pictures/a/1.png", Buffer.from(PNG_1X1, "base64"));
      write("pictures/b/2.png", Buffer.from(PNG_2X1, "base64"));
      return ["audit", join(digits, "mnist-robust.onnx"), "--data", join(folder, "pictures")];
    },
    says: /pictures.*(2|size|shape)/,
  },
  {
    name: "output that cannot be written",
    args: () => ["audit", model, "--data", data, "--out", join(write("a-file", ""), "below")],
    says: /cannot write .*a-file/,
  },
  { name: "an unknown flag", args: audit(model, "--data", data, "--epsilom", "1"), says: /unknown option '--epsilom'/ },
  { name: "an unknown command", args: () => ["atack"], says: /unknown command 'atack'/ },
  {
    name: "an unknown profile",
    args: audit(model, "--data", data, "--profile", "mild"),
    says: /quick, standard, thorough/,
  },
  { name: "an epsilon of zero", args: audit(model, "--data", data, "--epsilon", "0"), says: /above 0/ },
  { name: "a budget in apples", args: audit(model, "--data", data, "--budget", "5 apples"), says: /expected seconds/ },
  {
    name: "a gate with a rule that has no threshold",
    args: () => [
      ...["audit", model, "--data", data],
      ...["--gate", write("gate.json", '{"rules":[{"check":"fgsm","metric":"accuracy.robust"}]}')],
    ],
    says: /atLeast or atMost/,
  },
  { name: "nothing to resume", args: audit(model, "--data", data, "--resume"), says: /nothing to resume/ },
  { name: "a missing model to inspect", args: () => ["inspect", "none.onnx"], says: /none\.onnx/ },
  {
    name: "a draft that needs a sample",
    args: () => ["contract", model],
    says: /range cannot be known without a sample/,
  },
];

test.concurrent.each(cases)(
  "$name ends with 2, one clear message, no stack and nothing half-written",
  async ({ args, says }) => {
    const cwd = mkdtempSync(join(folder, "run-"));
    const { code, stdout, stderr } = await casemate(args(), { cwd });
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).not.toMatch(/^\s+at /m);
    const lines = stderr.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(2);
    const out = join(cwd, "casemate-report");
    expect(existsSync(out) ? readdirSync(out, { recursive: true }) : []).toEqual([]);
  },
);

test("--verbose adds where the error came from", async () => {
  const { stderr } = await casemate(["inspect", "none.onnx", "--verbose"]);
  expect(stderr).toMatch(/^\s+at /m);
});
