import { join } from "node:path";
import { readModel } from "@casemate/onnx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OnnxClassifier, openClassifier } from "../packages/attacks/src/index.ts";
import {
  type Interference,
  type ServerOptions,
  serve,
  type TestServer,
} from "../packages/attacks/test/endpoint/server.ts";
import { main } from "../packages/casemate/src/index.ts";
import { digits, type Ended, iris } from "./casemate.ts";

const data = join(digits, "digits-test-500.npz");
const common = ["--data", data, "--samples", "12", "--epsilon", "0.2", "--kind", "logits", "--retries", "1"];

/** The command in this process: nothing here hangs on its being another. */
async function casemate(args: readonly string[]): Promise<Ended> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = await main(args, {
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    env: {},
  });
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

let model: OnnxClassifier;
beforeAll(async () => {
  const file = await readModel(join(digits, "mnist-standard.onnx"));
  model = await openClassifier(file, { bounds: { lower: 0, upper: 1 }, threads: 1 });
});
afterAll(() => model.dispose());

const serving = (options: ServerOptions = {}): Promise<TestServer> => serve(model, options);

describe("probe", () => {
  test("attacks an endpoint and says how many samples stand, and after how many queries", async () => {
    await using server = await serving();
    const args = [
      "probe",
      server.oip,
      ...common,
      "--attack",
      "square,noise",
      "--queries",
      "4000",
      "--concurrency",
      "2",
    ];
    const { code, stdout, stderr } = await casemate(args);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^In L∞ within 0.2:$/m);
    expect(stdout).toMatch(/^attack +robust +broken +wrong +failed +queries per sample$/m);
    expect(stdout).toMatch(/^Square.* +\d+ +\d+ +\d+ +0 +\d+\.\d$/m);
    expect(stdout).toMatch(/^All together +\d+ +\d+ +\d+ +0$/m);
    expect(stdout).toMatch(/^\d+ rows in \d+ requests, 0 of them retries\.$/m);
    expect(stderr).toContain("There is no contract; samples are taken to range from 0 to 1, as images of layout NCHW.");
  });

  test("prints JSON and nothing else on request, the same for a seed whatever the batch", async () => {
    await using server = await serving();
    const args = ["probe", server.mlflow, ...common, "--attack", "noise", "--json", "--seed", "3"];
    const one = JSON.parse((await casemate([...args, "--batch", "5"])).stdout);
    const other = JSON.parse((await casemate([...args, "--batch", "64"])).stdout);
    expect(one.attacks).toEqual(other.attacks);
    expect(one).toMatchObject({ endpoint: server.mlflow, norm: "linf", epsilon: 0.2, seed: 3 });
    const { robust, broken, wrong, failed } = one.together;
    expect(robust + broken + wrong).toBe(12);
    expect(failed).toBe(0);
    expect(one.usage.rows).toBe(1 + one.attacks[0].queries);
  });

  test("ends with 1 where fewer samples stand than were asked for", async () => {
    await using server = await serving();
    const args = ["probe", server.oip, ...common, "--attack", "noise", "--minimum-robust", "1", "--epsilon", "0.9"];
    expect((await casemate(args)).code).toBe(1);
  });

  test("ends with 3 where the endpoint fails, and counts nothing as robust", async () => {
    const interfere = (request: number): Interference | undefined => (request > 3 ? { status: 503 } : undefined);
    await using server = await serving({ interfere });
    const { code, stdout, stderr } = await casemate(["probe", server.oip, ...common, "--attack", "square", "--json"]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).together).toMatchObject({ robust: 0 });
    expect(stderr).toMatch(/status 503, got: .*\(2 tries\)/);
  });

  test("ends with 3 where a budget of queries leaves samples without a verdict", async () => {
    await using server = await serving();
    const args = ["probe", server.oip, ...common, "--epsilon", "0.001", "--queries", "100"];
    const { code, stdout } = await casemate(args);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^Square.* +0 +0 +\d+ +1[0-2] +\d/m);
    expect(server.requests.length).toBeLessThan(20);
  });

  test("ends with 3 where nobody answers", async () => {
    const server = await serving();
    await server[Symbol.asyncDispose]();
    const { code, stderr } = await casemate(["probe", server.oip, ...common, "--retries", "0"]);
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining("no connection: ECONNREFUSED") });
  });

  test("sends headers and a token, and prints neither", async () => {
    await using server = await serving({ interfere: () => ({ status: 401, body: "who are you?" }) });
    process.env.CASEMATE_TEST_TOKEN = "secret-token";
    const args = ["--header", "x-tenant: secret-tenant", "--token-from", "CASEMATE_TEST_TOKEN", "--verbose"];
    const { code, stdout, stderr } = await casemate(["probe", `${server.oip}?key=secret-key`, ...common, ...args]);
    delete process.env.CASEMATE_TEST_TOKEN;
    expect(server.requests[0]!.headers).toMatchObject({
      "x-tenant": "secret-tenant",
      authorization: "Bearer secret-token",
    });
    expect(code).toBe(3);
    expect(stderr).toContain("status 401, got: who are you?");
    expect(stdout + stderr).not.toMatch(/secret/);
  });

  test("takes bytes, labels and a contract", async () => {
    const output = (logits: readonly number[]) => logits.indexOf(Math.max(...logits));
    await using server = await serving({ output, input: (value) => value / 255 });
    const contract = join(digits, "mnist-standard.contract.json");
    const args = ["--contract", contract, "--kind", "labels", "--datatype", "UINT8", "--scale", "255"];
    const { code, stdout } = await casemate([
      "probe",
      server.oip,
      ...common,
      ...args,
      "--attack",
      "contrast",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).together.wrong).toBeLessThan(3); // labels fit, so the classes do
    const [{ datatype, data: sent }] = (server.requests[1]!.body as { inputs: [{ datatype: string; data: number[] }] })
      .inputs;
    expect(datatype).toBe("UINT8");
    expect(sent.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
  });
});

test("probe sends a table by the names of its columns, and finds classes by theirs", async () => {
  const file = await readModel(join(iris, "iris-mlp.onnx"));
  const tabular = await openClassifier(file, { bounds: { lower: 0, upper: 10 }, threads: 1 });
  const names = ["setosa", "versicolor", "virginica"];
  const output = (logits: readonly number[]) => names[logits.indexOf(Math.max(...logits))];
  await using server = await serve(tabular, { output });
  const args = ["--data", join(iris, "test.csv"), "--classes", names.join(), "--range", "0,10", "--kind", "labels"];
  const attack = ["--table", "--norm", "l2", "--epsilon", "0.5", "--attack", "contrast", "--json"];
  const { code, stdout } = await casemate(["probe", server.mlflow, ...args, ...attack]);
  await tabular.dispose();
  expect(code).toBe(0);
  const { robust, broken, wrong } = JSON.parse(stdout).together;
  expect(robust + broken).toBeGreaterThan(5 * wrong);
  const { dataframe_split: table } = server.requests.at(-1)!.body as { dataframe_split: { columns: string[] } };
  expect(table.columns[0]).toBe("sepal length (cm)");
});

describe("probe is refused", () => {
  const address = "http://127.0.0.1:1/v2/models/none";
  test.each([
    [[address, "--epsilon", "0.1"], "no samples: --data names a file"],
    [[address, "--data", data], "--epsilon: expected one radius"],
    [[address, "--data", data, "--epsilon", "0.1,0.2"], "--epsilon: expected one radius"],
    [["ftp://host/x", ...common], "expected an address of http or https, got ftp:"],
    [["http://host/x", ...common], "expected protocol to be oip or mlflow"],
    [[address, ...common, "--attack", "nonsense"], "attack 'nonsense': there is none; an endpoint can be attacked by "],
    [[address, ...common, "--attack", "pgd"], "attack 'pgd': needs gradients, and an endpoint gives none"],
    [[address, ...common, "--attack", "zoo"], "attack 'zoo': has no form in linf"],
    [[address, ...common, "--token-from", "CASEMATE_NO_SUCH"], "environment variable CASEMATE_NO_SUCH, which is empty"],
    [[address, ...common, "--range", "1,0"], "expected two rising numbers such as 0,1"],
    [[address, ...common, "--range", "5,6"], "expected values in the contract's range 5 to 6"],
    [[address, ...common, "--data", "nowhere.npz"], "nowhere.npz"],
    [[address, ...common, "--contract", "nowhere.json"], "contract nowhere.json: cannot be read"],
  ])("%j", async (args, message) => {
    const { code, stderr, stdout } = await casemate(["probe", ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("with labels that are words and no order of the classes", async () => {
    const table = join(iris, "test.csv");
    const { code, stderr } = await casemate(["probe", address, "--data", table, "--epsilon", "0.1"]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("labels are words") });
  });
});
