import { isRecord, nested, numberOf, type Protocol, type Rows } from "./protocol.ts";
import type { AnswerRow } from "./scores.ts";

export interface MlflowOptions {
  /** Tensors as {"inputs": …}, or tables as {"dataframe_split": …}. */
  readonly format: "inputs" | "dataframe_split";
  /** Names the tensor, where the model's signature has names. */
  readonly inputName?: string | undefined;
  /** Of a table; numbers from 0 if absent. */
  readonly columns?: readonly string[] | undefined;
  /** The output to read, where predictions are named; the first if absent. */
  readonly outputName?: string | undefined;
}

/** MLflow's scoring server (https://mlflow.org/docs/latest/deployment). `address` is that of the server, with or without /invocations. */
export function mlflow(address: URL, { format, inputName, columns, outputName }: MlflowOptions): Protocol {
  const url = new URL(address);
  url.pathname = `${address.pathname.replace(/\/+$/, "").replace(/\/invocations$/, "")}/invocations`;
  return {
    url,
    body(rows) {
      if (format === "dataframe_split") return { dataframe_split: table(rows, columns) };
      const tensor = nested(rows);
      return { inputs: inputName === undefined ? tensor : { [inputName]: tensor } };
    },
    rows(json): readonly AnswerRow[] {
      const predictions = isRecord(json) ? json.predictions : json;
      const chosen = isRecord(predictions) ? outputOf(predictions, outputName) : predictions;
      if (!Array.isArray(chosen)) throw new Error("expected a list of predictions");
      return chosen.map(rowOf);
    },
  };
}

function table({ count, values }: Rows, columns: readonly string[] | undefined): unknown {
  const width = values.length / count;
  const all = Array.from(values);
  return {
    columns: columns ?? Array.from({ length: width }, (_, j) => j),
    data: Array.from({ length: count }, (_, row) => all.slice(row * width, (row + 1) * width)),
  };
}

function outputOf(predictions: Readonly<Record<string, unknown>>, name: string | undefined): unknown {
  if (name === undefined) return Object.values(predictions)[0];
  if (name in predictions) return predictions[name];
  throw new Error(`expected an output '${name}', got ${Object.keys(predictions).join(", ")}`);
}

/** A prediction: a label, a number, a list of scores, or a record of them as tables give it. */
function rowOf(prediction: unknown): AnswerRow {
  if (typeof prediction === "string") return prediction;
  if (Array.isArray(prediction)) {
    const flat = prediction.flat(Infinity) as unknown[];
    return flat.length === 1 && typeof flat[0] === "string" ? flat[0] : flat.map(numberOf);
  }
  return isRecord(prediction) ? Object.values(prediction).map(numberOf) : [numberOf(prediction)];
}
