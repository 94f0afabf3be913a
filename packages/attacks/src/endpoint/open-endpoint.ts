import { setTimeout as sleep } from "node:timers/promises";
import { type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import { type Bounds, type Classifier, UnansweredRows } from "../models/classifier.ts";
import { mlflow } from "./mlflow.ts";
import { openInference } from "./open-inference.ts";
import type { Metadata, Protocol } from "./protocol.ts";
import type { Clock } from "./rate-limit.ts";
import { nameOf, RequestFailed, Requests, type Usage } from "./requests.ts";
import { type AnswerRow, classesOf, type OutputKind, writeLogits } from "./scores.ts";
import { inUnits } from "./units.ts";

export interface EndpointOptions {
  /** Open Inference Protocol v2 or MLflow; if absent, by the address: …/v2/models/… or …/invocations. */
  readonly protocol?: "oip" | "mlflow";
  /** The range of the inputs, before `scale`. */
  readonly bounds: Bounds;
  /** Shape of a sample; needed where the endpoint does not state it. */
  readonly inputShape?: Shape;
  readonly layout?: "channels-first" | "channels-last";
  readonly input?: EndpointInput;
  readonly output: EndpointOutput;
  /** Sent with every request, such as an Authorization; never part of a message. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Rows in a request at most. */
  readonly batchSize?: number;
  /** Requests at once at most. */
  readonly concurrency?: number;
  readonly requestsPerSecond?: number;
  /** Rows sent at most, retries included; then samples fail. */
  readonly queries?: number;
  /** Milliseconds for one request. */
  readonly timeout?: number;
  /** How often a request is made again after a status of 408, 425, 429, 500, 502, 503 or 504, a timeout or a broken connection. */
  readonly retries?: number;
  /** Milliseconds before the first retry, doubled for each more; a Retry-After takes its place. */
  readonly backoff?: number;
  /** After so many requests in a row that failed for good, no more are made and all samples fail. */
  readonly giveUpAfter?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface EndpointInput {
  readonly name?: string;
  /** As the Open Inference Protocol names it; integers are rounded to. By the endpoint's description, or FP32, if absent. */
  readonly datatype?: string;
  /** Shape in which a sample is sent, if it is another. */
  readonly shape?: Shape;
  /** What values are multiplied by before they are sent: 255 for bytes, where the range is 0 to 1. */
  readonly scale?: number;
  /** For MLflow: tensors or a table, and its columns. */
  readonly format?: "inputs" | "dataframe_split";
  readonly columns?: readonly string[];
}

export interface EndpointOutput {
  readonly name?: string;
  readonly kind: OutputKind;
  /** How many there are; needed for labels without names. */
  readonly classes?: number;
  /** For labels that are words, in the order of the classes. */
  readonly classNames?: readonly string[];
}

/** A model behind an address, as a classifier for score and decision attacks. */
export interface Endpoint extends Classifier {
  /** What has been asked so far; `rows` include retries. */
  readonly usage: Usage & { readonly rows: number };
}

/**
 * Opens a model that is served over HTTP: asks for its description, where the protocol has one, and for the scores of one
 * sample. A request that stays without an answer after all retries fails its rows: their samples are neither broken nor
 * robust. Throws an AttackError ENDPOINT_FAILED if the model does not answer now, INVALID_OPTION for options that make no sense.
 */
export async function openEndpoint(address: string | URL, options: EndpointOptions): Promise<Endpoint> {
  const { bounds, layout, input = {}, output, batchSize = 32, concurrency = 1, queries = Infinity } = options;
  const url = addressOf(address);
  for (const [name, value, least] of [
    ["batchSize", batchSize, 1],
    ["concurrency", concurrency, 1],
    ["retries", options.retries ?? 0, 0],
    ["giveUpAfter", options.giveUpAfter ?? 1, 1],
  ] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw invalid(url, `expected ${name} to be a whole number from ${least}, got ${value}`);
  }
  if (!((options.requestsPerSecond ?? 1) > 0)) throw invalid(url, "expected more than 0 requests per second");
  const protocol = protocolFor(url, options);
  const requests = new Requests({
    headers: options.headers ?? {},
    requestsPerSecond: options.requestsPerSecond ?? Infinity,
    timeout: options.timeout ?? 30_000,
    retries: options.retries ?? 4,
    backoff: options.backoff ?? 500,
    giveUpAfter: options.giveUpAfter ?? 3,
    ...(options.signal && { signal: options.signal }),
    clock: options.clock ?? systemClock,
  });
  const metadata = await describe(protocol, requests, options);
  const inputShape = options.inputShape ?? metadata.inputShape;
  if (!inputShape) throw invalid(url, "expected inputShape, since the endpoint does not state it");
  const width = sizeOf(inputShape);
  const sentShape = input.shape ?? inputShape;
  if (sizeOf(sentShape) !== width) {
    throw invalid(url, `expected input.shape to have ${width} features, got [${sentShape}]`);
  }
  const asked: Metadata = { ...metadata, ...(input.datatype !== undefined && { datatype: input.datatype }) };
  let rows = 0;

  const ask = async (x: Float32Array): Promise<readonly AnswerRow[]> => {
    const count = x.length / width;
    const values = inUnits(x, input.scale ?? 1, asked.datatype);
    const body = JSON.stringify(protocol.body({ count, shape: sentShape, values }, asked));
    const json = await requests.json(protocol.url, body, () => {
      if (rows + count > queries) throw new RequestFailed(`the endpoint's budget of ${queries} rows was used up`);
      rows += count;
    });
    const answers = protocol.rows(json);
    if (answers.length !== count) throw new Error(`expected ${count} rows in the answer, got ${answers.length}`);
    return answers;
  };

  const classes = await countClasses(protocol.url, output, () => ask(middleOf(bounds, width)));
  return {
    inputShape,
    classes,
    bounds,
    ...(layout && { layout }),
    get usage() {
      return { ...requests.usage, rows };
    },
    async logits(x: Tensor) {
      const [count = 0] = x.shape;
      const logits = tensor([count, classes]);
      const reasons = new Map<number, string>();
      const fail = (row: number, error: unknown): void => {
        reasons.set(row, reasonOf(error, protocol.url));
        logits.data.fill(Number.NaN, row * classes, (row + 1) * classes);
      };
      const write = (answer: AnswerRow, row: number): void => {
        try {
          const target = logits.data.subarray(row * classes, (row + 1) * classes);
          writeLogits(answer, output.kind, target, output.classNames);
        } catch (error) {
          fail(row, error);
        }
      };
      await inTurns(Math.ceil(count / batchSize), concurrency, async (batch) => {
        const [from, to] = [batch * batchSize, Math.min(count, (batch + 1) * batchSize)];
        try {
          const answers = await ask(x.data.subarray(from * width, to * width));
          for (const [index, answer] of answers.entries()) write(answer, from + index);
        } catch (error) {
          options.signal?.throwIfAborted();
          for (let row = from; row < to; row++) fail(row, error);
        }
      });
      if (reasons.size > 0) throw new UnansweredRows(reasons, logits);
      return logits;
    },
  };
}

const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds, signal) => sleep(milliseconds, undefined, signal && { signal }),
};

/** Whatever is wrong with an answer is said with the address it came from. */
function reasonOf(error: unknown, url: URL): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof RequestFailed ? message : `${nameOf(url)}: ${message}`;
}

function addressOf(address: string | URL): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new AttackError(
      "INVALID_OPTION",
      "endpoint: expected an address such as http://localhost:8080/v2/models/name",
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new AttackError("INVALID_OPTION", `endpoint: expected an address of http or https, got ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new AttackError(
      "INVALID_OPTION",
      "endpoint: expected name and password in a header, got them in the address",
    );
  }
  return url;
}

function invalid(url: URL, message: string): AttackError {
  return new AttackError("INVALID_OPTION", `${nameOf(url)}: ${message}`);
}

function protocolFor(url: URL, { protocol, input = {}, output }: EndpointOptions): Protocol {
  const isOip = /\/v2\/models\//.test(url.pathname);
  const isMlflow = /\/invocations\/?$/.test(url.pathname);
  const chosen = protocol ?? (isOip ? "oip" : isMlflow ? "mlflow" : undefined);
  const names = { inputName: input.name, outputName: output.name };
  switch (chosen) {
    case "oip":
      if (!isOip) throw invalid(url, "expected the address of a model, …/v2/models/<name>");
      return openInference(url, names);
    case "mlflow":
      return mlflow(url, { ...names, format: input.format ?? "inputs", columns: input.columns });
    default:
      throw invalid(url, "expected protocol to be oip or mlflow, since the address does not show it");
  }
}

/** What the endpoint says of its model; nothing, where all that is needed was given. */
async function describe(protocol: Protocol, requests: Requests, options: EndpointOptions): Promise<Metadata> {
  const { metadataUrl, readMetadata } = protocol;
  const { input = {}, inputShape } = options;
  if (!metadataUrl || !readMetadata) return {};
  if (inputShape && input.name !== undefined && input.datatype !== undefined) return { inputName: input.name };
  return failingEarly(metadataUrl, async () => readMetadata(await requests.json(metadataUrl, undefined)));
}

async function countClasses(
  url: URL,
  output: EndpointOutput,
  ask: () => Promise<readonly AnswerRow[]>,
): Promise<number> {
  const { kind, classNames } = output;
  return failingEarly(url, async () => {
    const [row] = await ask();
    const classes = output.classes ?? classesOf(row!, kind, classNames);
    if (classes === undefined)
      throw invalid(url, "expected output.classes or output.classNames, since answers are labels");
    if (classes < 2) throw invalid(url, `expected at least 2 classes, got ${classes}; is output.kind right?`);
    writeLogits(row!, kind, new Float32Array(classes), classNames);
    return classes;
  });
}

async function failingEarly<T>(url: URL, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AttackError || (error instanceof Error && error.name === "AbortError")) throw error;
    throw new AttackError("ENDPOINT_FAILED", reasonOf(error, url), { cause: error });
  }
}

/** Does `count` pieces of work, so many at once. */
async function inTurns(count: number, concurrency: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}

function middleOf({ lower, upper }: Bounds, width: number): Float32Array {
  const at = (bound: number | Float32Array, j: number): number => (typeof bound === "number" ? bound : bound[j]!);
  return Float32Array.from({ length: width }, (_, j) => {
    const [low, high] = [Math.max(at(lower, j), -1e6), Math.min(at(upper, j), 1e6)];
    return (low + high) / 2;
  });
}
