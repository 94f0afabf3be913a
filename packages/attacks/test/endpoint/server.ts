import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tensor } from "@casemate/tensor";
import type { Classifier } from "../../src/index.ts";

/** What the server does instead of answering. */
export interface Interference {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Never answer; or end the connection. */
  readonly silence?: "hang" | "hang-up";
}

export interface ServerOptions {
  /** What to do with the request of this number, from 0; descriptions of the model are not counted. */
  readonly interfere?: (request: number) => Interference | undefined;
  /** What becomes of a row of logits. */
  readonly output?: (logits: readonly number[]) => unknown;
  /** What a value becomes before the model sees it. */
  readonly input?: (value: number) => number;
  readonly inputs?: readonly { name: string; datatype: string; shape: readonly number[] }[];
}

/** A server on a free port of this machine, speaking the Open Inference Protocol and MLflow's. */
export interface TestServer extends AsyncDisposable {
  readonly oip: string;
  readonly mlflow: string;
  readonly requests: { readonly path: string; readonly body: unknown; readonly headers: IncomingHttpHeaders }[];
}

export async function serve(model: Classifier, options: ServerOptions = {}): Promise<TestServer> {
  const { interfere = () => undefined, output = (logits) => logits, input = (value) => value } = options;
  const requests: TestServer["requests"] = [];
  const scores = async (values: readonly number[]): Promise<unknown[]> => {
    const width = model.inputShape.reduce((product, size) => product * size, 1);
    const x = tensor([values.length / width, ...model.inputShape], Float32Array.from(values, input));
    const { data } = await model.logits(x);
    return Array.from({ length: x.shape[0]! }, (_, row) =>
      output([...data.subarray(row * model.classes, (row + 1) * model.classes)]),
    );
  };

  const answer = async (path: string, body: unknown): Promise<unknown> => {
    if (path === "/v2/models/tiny/infer") {
      const [{ data }] = (body as { inputs: [{ data: number[] }] }).inputs;
      const rows = await scores(data);
      const flat = rows.flat();
      return {
        outputs: [{ name: "scores", shape: [rows.length, flat.length / rows.length], datatype: "FP32", data: flat }],
      };
    }
    const { inputs, dataframe_split: table } = body as { inputs?: unknown; dataframe_split?: { data: number[][] } };
    const values = table ? table.data : Array.isArray(inputs) ? inputs : Object.values(inputs as object)[0];
    return { predictions: await scores((values as unknown[]).flat(Infinity) as number[]) };
  };

  const server = createServer(async (request, response) => {
    const path = request.url!;
    if (request.method === "GET") {
      const described = [{ name: "x", datatype: "FP32", shape: [-1, ...model.inputShape] }];
      response.end(JSON.stringify({ name: "tiny", inputs: options.inputs ?? described, outputs: [] }));
      return;
    }
    const body = JSON.parse(await textOf(request));
    requests.push({ path, body, headers: request.headers });
    const interference = interfere(requests.length - 1);
    if (interference?.silence === "hang") return;
    if (interference?.silence === "hang-up") return void request.socket.destroy();
    if (interference) response.writeHead(interference.status ?? 200, { ...interference.headers });
    response.end(interference?.body ?? JSON.stringify(await answer(path, body)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    oip: `${origin}/v2/models/tiny`,
    mlflow: `${origin}/invocations`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
