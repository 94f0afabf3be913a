import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  type Attack,
  blendedNoise,
  contrastReduction,
  type EndpointOptions,
  gaussianNoise,
  genAttack,
  hopSkipJump,
  l0,
  l2,
  linf,
  nes,
  onePixel,
  openEndpoint,
  pgd,
  pixle,
  run,
  saltAndPepper,
  simba,
  spatial,
  square,
  type Threat,
  threshold,
  UnansweredRows,
  uniformNoise,
  zoo,
} from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { type Interference, serve } from "./server.ts";

const model = mlp([1, 6, 6], 8, 4, 3);
const bounds = { lower: 0, upper: 1 };
const patient: Pick<EndpointOptions, "bounds" | "output" | "backoff"> = {
  bounds,
  output: { kind: "logits" },
  backoff: 1,
};
const softmax = (z: readonly number[]): number[] => {
  const shares = z.map((each) => Math.exp(each - Math.max(...z)));
  return shares.map((share) => share / shares.reduce((a, b) => a + b));
};
const argmax = (z: readonly number[]): number => z.indexOf(Math.max(...z));

/** What went wrong with each row. */
async function reasonsOf(asking: Promise<unknown>): Promise<ReadonlyMap<number, string>> {
  const error = await asking.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(UnansweredRows);
  return (error as UnansweredRows).reasons;
}

describe("scores", () => {
  test.each(["oip", "mlflow"] as const)("of %s are the model's", async (protocol) => {
    await using server = await serve(model);
    const [x] = await samplesFor(model, 7, 1);
    const endpoint = await openEndpoint(server[protocol], { ...patient, inputShape: [1, 6, 6], batchSize: 3 });
    expect(endpoint.classes).toBe(4);
    expect((await endpoint.logits(x)).data).toEqual((await model.logits(x)).data);
    const requests = protocol === "oip" ? 5 : 4; // of them one for a sample when it was opened, and one for a description
    expect(endpoint.usage).toEqual({ requests, retries: 0, failures: 0, rows: 8 });
  });

  test("keep their order when several requests are under way", async () => {
    await using server = await serve(model);
    const [x] = await samplesFor(model, 9, 1);
    const endpoint = await openEndpoint(server.oip, { ...patient, batchSize: 2, concurrency: 4 });
    expect((await endpoint.logits(x)).data).toEqual((await model.logits(x)).data);
  });

  test("from probabilities are their logarithms, so that a softmax gives them back", async () => {
    await using server = await serve(model, { output: softmax });
    const [x] = await samplesFor(model, 2, 1);
    const endpoint = await openEndpoint(server.oip, { ...patient, output: { kind: "probabilities" } });
    const expected = [...(await model.logits(x)).data.subarray(0, 4)];
    const found = [...(await endpoint.logits(x)).data.subarray(0, 4)];
    for (const [k, share] of softmax(found).entries()) expect(share).toBeCloseTo(softmax(expected)[k]!, 5);
  });

  test.each([
    ["numbers", argmax, { kind: "labels", classes: 4 }],
    ["words", (z: readonly number[]) => "abcd"[argmax(z)], { kind: "labels", classNames: ["a", "b", "c", "d"] }],
  ] as const)("from labels that are %s are 1 for the label and 0 for the others", async (_, output, options) => {
    await using server = await serve(model, { output });
    const [x, labels] = await samplesFor(model, 5, 1);
    const endpoint = await openEndpoint(server.mlflow, { ...patient, inputShape: [1, 6, 6], output: options });
    const { data } = await endpoint.logits(x);
    for (const [row, label] of labels.entries()) {
      expect([...data.subarray(4 * row, 4 * row + 4)]).toEqual([0, 1, 2, 3].map((k) => (k === label ? 1 : 0)));
    }
  });

  test.each([
    ["probability", (z: readonly number[]) => softmax(z)[1], [Math.log(0.2), Math.log(0.8)]],
    ["logit", (z: readonly number[]) => z[1]! - z[0]!, [0, Math.log(4)]],
  ] as const)("from one %s are two", async (kind, output, expected) => {
    const binary = linear([[0], [0]], [0, Math.log(4)]);
    await using server = await serve(binary, { output });
    const endpoint = await openEndpoint(server.mlflow, { ...patient, inputShape: [1], output: { kind } });
    const { data } = await endpoint.logits(tensor([1, 1]));
    for (const [k, value] of expected.entries()) expect(data[k]).toBeCloseTo(value, 5);
  });

  test("are read from the output that is named, or from records", async () => {
    const records = (z: readonly number[]) => ({ a: z[0], b: z[1], c: z[2], d: z[3] });
    await using server = await serve(model, { output: records });
    const [x] = await samplesFor(model, 2, 1);
    const input = { format: "dataframe_split" } as const;
    const endpoint = await openEndpoint(server.mlflow, { ...patient, inputShape: [1, 6, 6], input });
    expect((await endpoint.logits(x)).data).toEqual((await model.logits(x)).data);
    expect(server.requests[1]!.body).toMatchObject({
      dataframe_split: { columns: Array.from({ length: 36 }, (_, j) => j) },
    });
    const named = openEndpoint(server.oip, { ...patient, output: { kind: "logits", name: "other" } });
    await expect(named).rejects.toThrow("/v2/models/tiny/infer: expected an output 'other'");
  });
});

describe("requests", () => {
  test("say what the endpoint says of its input, or what the options say", async () => {
    const inputs = [{ name: "pixels", datatype: "UINT8", shape: [-1, 1, 6, 6] }];
    await using server = await serve(model, { inputs, input: (value) => value / 255 });
    const x = tensor([1, 1, 6, 6], new Float32Array(36).fill(0.1));
    const endpoint = await openEndpoint(server.oip, { ...patient, input: { scale: 255 } });
    await endpoint.logits(x);
    const {
      inputs: [sent],
    } = server.requests[1]!.body as { inputs: [Record<string, unknown>] };
    expect(sent).toEqual({ name: "pixels", shape: [1, 1, 6, 6], datatype: "UINT8", data: new Array(36).fill(26) });

    const input = { name: "flat", datatype: "FP32", shape: [36] };
    const flat = await openEndpoint(`${server.oip}/infer`, { ...patient, inputShape: [1, 6, 6], input });
    await flat.logits(x);
    const {
      inputs: [other],
    } = server.requests.at(-1)!.body as { inputs: [Record<string, unknown>] };
    expect(other).toMatchObject({ name: "flat", shape: [1, 36], datatype: "FP32" });
  });

  test("carry headers, which no message repeats, nor the query of the address", async () => {
    await using server = await serve(model, { interfere: () => ({ status: 403, body: "go away" }) });
    const headers = { authorization: "Bearer secret-token" };
    const opening = openEndpoint(`${server.mlflow}?key=secret-key`, { ...patient, inputShape: [1, 6, 6], headers });
    const error = await opening.catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: "ENDPOINT_FAILED", message: `${server.mlflow}: status 403, got: go away` });
    expect(server.requests[0]!.headers.authorization).toBe("Bearer secret-token");
    expect(server.requests[0]!.path).toBe("/invocations?key=secret-key");
    expect(server.requests).toHaveLength(1);
  });

  test("do not follow a redirect with their headers", async () => {
    const interfere = (): Interference => ({ status: 307, headers: { location: "http://127.0.0.1:1/elsewhere" } });
    await using server = await serve(model, { interfere });
    const opening = openEndpoint(server.mlflow, { ...patient, inputShape: [1, 6, 6] });
    await expect(opening).rejects.toThrow(`${server.mlflow}: status 307`);
  });
});

describe("what goes wrong for a while", () => {
  const once = (interference: Interference) => (request: number) => (request === 1 ? interference : undefined);
  test.each([
    ["429", { status: 429 }],
    ["500", { status: 500, body: "oops" }],
    ["503", { status: 503, headers: { "retry-after": "0" } }],
    ["a connection that ends", { silence: "hang-up" }],
    ["no answer in time", { silence: "hang" }],
  ] as const)("%s is asked again", async (_, interference) => {
    await using server = await serve(model, { interfere: once(interference) });
    const [x] = await samplesFor(model, 3, 1);
    const endpoint = await openEndpoint(server.oip, { ...patient, timeout: 150 });
    expect((await endpoint.logits(x)).data).toEqual((await model.logits(x)).data);
    expect(endpoint.usage).toEqual({ requests: 4, retries: 1, failures: 0, rows: 7 });
  });

  test("is waited for as long as the server asks, or twice as long each time", async () => {
    const waits: number[] = [];
    let now = 0;
    const clock = {
      now: () => now,
      async sleep(milliseconds: number) {
        waits.push(milliseconds);
        now += milliseconds;
      },
    };
    const answers: Record<number, Interference> = {
      1: { status: 500 },
      2: { status: 500 },
      3: { status: 429, headers: { "retry-after": "7" } },
      4: { status: 429, headers: { "retry-after": new Date(20_000).toUTCString() } },
    };
    await using server = await serve(model, { interfere: (request) => answers[request] });
    const endpoint = await openEndpoint(server.oip, { ...patient, backoff: 500, clock });
    const [x] = await samplesFor(model, 1, 1);
    await endpoint.logits(x);
    expect(waits).toEqual([500, 1000, 7000, 20_000 - 8500]);
  });
});

describe("what goes wrong for good", () => {
  test.each([
    ["a status of 500", { status: 500, body: "oops" }, "status 500, got: oops (2 tries)"],
    ["a status of 400", { status: 400, body: '{"error":"bad shape"}' }, 'status 400, got: {"error":"bad shape"}'],
    ["a connection that ends", { silence: "hang-up" }, "no connection: UND_ERR_SOCKET (2 tries)"],
    ["no answer in time", { silence: "hang" }, "no answer within 100 ms (2 tries)"],
    ["no JSON", { body: "<html>" }, "expected JSON, got: <html>"],
    ["nothing", { body: "" }, "expected JSON, got nothing"],
    ["other JSON", { body: "{}" }, "expected an output"],
    [
      "too few rows",
      { body: '{"outputs":[{"shape":[1,4],"data":[1,2,3,4]}]}' },
      "expected 2 rows in the answer, got 1",
    ],
    ["another shape", { body: '{"outputs":[{"shape":[2,4],"data":[1,2,3]}]}' }, "for the shape [2, 4], got 3 numbers"],
    ["too few classes", { body: '{"outputs":[{"shape":[2,2],"data":[1,2,3,4]}]}' }, "expected 4 logits, got 2"],
    ["words", { body: '{"outputs":[{"shape":[2,2],"data":["a","b","c","d"]}]}' }, 'expected numbers, got "a"'],
  ] as const)("%s fails the rows of its request, and no others", async (_, interference, reason) => {
    const interfere = (request: number) => (request > 1 ? interference : undefined);
    await using server = await serve(model, { interfere });
    const endpoint = await openEndpoint(server.oip, { ...patient, retries: 1, timeout: 100, batchSize: 2 });
    const [x] = await samplesFor(model, 4, 1);
    const reasons = await reasonsOf(endpoint.logits(x));
    expect([...reasons.keys()]).toEqual([2, 3]);
    expect(reasons.get(2)).toContain(reason);
    expect(reasons.get(2)).toContain(`${server.oip}/infer: `);
  });

  test("a number that is none fails its own row alone, as Python writes it too", async () => {
    const body = '{"outputs": [{"shape": [3, 4], "data": [NaN, 1, 2, 3, 1, 2, 3, -Infinity, 4, 3, 2, 1]}]}';
    await using server = await serve(model, { interfere: (request) => (request === 1 ? { body } : undefined) });
    const endpoint = await openEndpoint(server.oip, patient);
    const [x, labels] = await samplesFor(model, 3, 1);
    const { samples } = await run(endpoint, x, labels, linf(0), { attack: square({ queries: 1 }) });
    expect(samples.map(({ status }) => status === "failed")).toEqual([true, true, false]);
    expect(samples[0]!.message).toBe("the model's scores are not numbers");
  });

  test("probabilities that are none fail their rows", async () => {
    await using server = await serve(model);
    const opening = openEndpoint(server.oip, { ...patient, output: { kind: "probabilities" } });
    await expect(opening).rejects.toThrow(/expected probabilities, got numbers that add up to/);
  });

  test("an endpoint that is down fails all samples, after few requests", async () => {
    const interfere = (request: number): Interference | undefined => (request > 4 ? { status: 503 } : undefined);
    await using server = await serve(model, { interfere });
    const endpoint = await openEndpoint(server.oip, { ...patient, batchSize: 4, retries: 2, giveUpAfter: 2 });
    const [x, labels] = await samplesFor(model, 40, 1);
    const { samples, curve } = await run(endpoint, x, labels, linf(0.1), { attack: square({ queries: 100 }) });
    expect(curve[0]).toMatchObject({ robust: 0, broken: 0, failed: 40 });
    expect(server.requests).toHaveLength(5 + 2 * 3);
    expect(samples.at(-1)!.message).toContain("not asked again after 2 requests in a row without an answer");
  });

  test("a budget of rows is kept, and what it leaves unfinished fails", async () => {
    await using server = await serve(model);
    const endpoint = await openEndpoint(server.oip, { ...patient, queries: 100, batchSize: 8 });
    const [x, labels] = await samplesFor(model, 6, 1);
    const { samples } = await run(endpoint, x, labels, linf(1e-4), { attack: square({ queries: 1000 }) });
    expect(endpoint.usage.rows).toBeLessThanOrEqual(100);
    expect(endpoint.usage.rows).toBeGreaterThan(90);
    expect(samples.map(({ status }) => status)).toEqual(new Array(6).fill("failed"));
    expect(samples[0]!.message).toContain("budget of 100 rows was used up");
  });

  test("an estimated gradient with an answer missing fails its samples", async () => {
    const interfere = (request: number): Interference | undefined => (request > 2 ? { status: 400 } : undefined);
    await using server = await serve(model, { interfere });
    const endpoint = await openEndpoint(server.oip, { ...patient, batchSize: 16 });
    const [x, labels] = await samplesFor(model, 3, 1);
    const { samples } = await run(nes(endpoint, { samples: 20 }), x, labels, linf(0.1), { attack: pgd({ steps: 3 }) });
    expect(samples.map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
  });
});

test("requests keep to their rate", async () => {
  const waits: number[] = [];
  let now = 0;
  const clock = {
    now: () => now,
    async sleep(milliseconds: number) {
      waits.push(milliseconds);
      now += milliseconds;
    },
  };
  await using server = await serve(model);
  const [x] = await samplesFor(model, 6, 1);
  const endpoint = await openEndpoint(server.mlflow, {
    ...patient,
    inputShape: [1, 6, 6],
    requestsPerSecond: 2,
    batchSize: 1,
    clock,
  });
  await endpoint.logits(x);
  expect(server.requests).toHaveLength(7);
  expect(waits).toEqual([500, 500, 500, 500, 500]); // two at once, then one each half second
});

describe("options", () => {
  const open = (address: string, options: Partial<EndpointOptions> = {}) =>
    openEndpoint(address, { ...patient, ...options });
  test.each([
    ["nonsense", {}, "endpoint: expected an address such as"],
    ["file:///etc/passwd", {}, "endpoint: expected an address of http or https, got file:"],
    ["http://user:secret@localhost/invocations", {}, "endpoint: expected name and password in a header"],
    ["http://localhost/predict", {}, "expected protocol to be oip or mlflow"],
    ["http://localhost/predict", { protocol: "oip" }, "expected the address of a model"],
    ["http://localhost/invocations", { batchSize: 0 }, "expected batchSize to be a whole number from 1, got 0"],
    ["http://localhost/invocations", { requestsPerSecond: 0 }, "expected more than 0 requests per second"],
    ["http://localhost/invocations", {}, "expected inputShape, since the endpoint does not state it"],
    [
      "http://localhost/invocations",
      { inputShape: [4], input: { shape: [3] } },
      "expected input.shape to have 4 features",
    ],
  ] as const)("%s, %o: refused", async (address, options, message) => {
    await expect(open(address, options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(message),
    });
  });

  test("labels need to be counted", async () => {
    await using server = await serve(model, { output: argmax });
    const opening = open(server.mlflow, { inputShape: [1, 6, 6], output: { kind: "labels" } });
    await expect(opening).rejects.toThrow("expected output.classes or output.classNames, since answers are labels");
  });

  test("one of several inputs must be named", async () => {
    const input = { datatype: "FP32", shape: [-1, 1, 6, 6] };
    await using server = await serve(model, {
      inputs: [
        { ...input, name: "a" },
        { ...input, name: "b" },
      ],
    });
    await expect(open(server.oip)).rejects.toThrow("expected the name of one input, since there are a, b");
    await expect(open(server.oip, { input: { name: "b" } })).resolves.toMatchObject({ inputShape: [1, 6, 6] });
  });

  test("nobody there", async () => {
    const server = await serve(model);
    await server[Symbol.asyncDispose]();
    const opening = open(server.oip, { retries: 0 });
    await expect(opening).rejects.toMatchObject({
      code: "ENDPOINT_FAILED",
      message: `${server.oip}: no connection: ECONNREFUSED`,
    });
  });
});

const attacks: readonly (readonly [Attack, Threat])[] = [
  [square({ queries: 30 }), linf(0.15)],
  [simba({ steps: 30 }), l2(0.6)],
  [simba({ steps: 30, basis: "dct" }), l2(0.6)],
  [genAttack({ generations: 10 }), linf(0.2)],
  [threshold({ population: 10, generations: 4 }), linf(0.2)],
  [onePixel({ population: 10, generations: 4 }), l0(3)],
  [pixle({ rounds: 4, iterations: 4 }), l0(20)],
  [zoo({ steps: 5, coordinates: 12, binarySearchSteps: 2, learningRate: 0.1 }), l2(1)],
  [hopSkipJump({ iterations: 4 }), l2(1)],
  [gaussianNoise(), l2(1)],
  [uniformNoise(), linf(0.3)],
  [saltAndPepper({ steps: 20 }), l2(2)],
  [blendedNoise({ steps: 20 }), l2(2)],
  [contrastReduction({ steps: 20 }), l2(2)],
  [spatial(), linf(0)],
];

describe.each(attacks.map((row) => [row[0].name, ...row] as const))("%s", (_, attack, threat) => {
  test("does to an endpoint, to the bit, what it does to the model itself", async () => {
    await using server = await serve(model);
    const [x, labels] = await samplesFor(model, 4, 3);
    const endpoint = await openEndpoint(server.mlflow, { ...patient, inputShape: [1, 6, 6], batchSize: 64 });
    const [direct, remote] = await Promise.all(
      [model, endpoint].map((each) => run(each, x, labels, threat, { attack, seed: 4 })),
    );
    expect(remote!.samples).toEqual(direct!.samples);
    expect(endpoint.usage.rows).toBe(1 + remote!.queries.forward);
  });
});
