import { createHash } from "node:crypto";
import { initializerTensor, type Model, OnnxError, operatorsOf, readModel, type ValueInfo } from "@casemate/onnx";
import { AuditError } from "./errors.ts";
import type { ModelReport } from "./report.ts";

/** Reads a model and says what is in it. Throws MODEL_NOT_READABLE. */
export async function inspectModel(path: string): Promise<ModelReport> {
  return modelReportOf(await openModel(path), path);
}

/** Reads and checks a model. Throws MODEL_NOT_READABLE with the path and what is wrong. */
export async function openModel(path: string): Promise<Model> {
  try {
    const model = await readModel(path);
    refuseNotANumber(model);
    return model;
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    const message = cause.message.startsWith(path) ? cause.message : `${path}: ${cause.message}`;
    throw new AuditError("MODEL_NOT_READABLE", message, { cause });
  }
}

/** Weights that are not numbers make every score so: a model that was saved after its training diverged. */
function refuseNotANumber({ graph }: Model): void {
  for (const initializer of graph.initializers.values()) {
    if (initializer.data.type !== "bytes" || !FLOATS.has(initializer.dtype)) continue;
    const { data } = initializerTensor(initializer);
    if (holdsNaN(data as Float32Array)) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `initializer '${initializer.name}' holds values that are not numbers (NaN)`,
      );
    }
  }
}

function holdsNaN(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i++) if (Number.isNaN(data[i])) return true;
  return false;
}

const FLOATS: ReadonlySet<string> = new Set(["float32", "float64"]);

/** The facts of a model that a report states. */
export function modelReportOf(model: Model, path: string): ModelReport {
  const { irVersion, opsets, producer, graph, source } = model;
  const bytes = source?.bytes ?? new Uint8Array();
  const weights = [...graph.initializers.values()].filter(({ dtype }) => dtype.includes("float"));
  return {
    path,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    irVersion,
    opset: opsets.get("") ?? 0,
    producer,
    parameters: weights.reduce((sum, { shape }) => sum + shape.reduce((size, dimension) => size * dimension, 1), 0),
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(valueReport),
    outputs: graph.outputs.map(valueReport),
    operators: operatorsOf(model),
  };
}

function valueReport({ name, dtype, shape, kind }: ValueInfo): ModelReport["inputs"][number] {
  return {
    name,
    dtype: kind === "tensor" ? dtype : kind,
    shape: (shape ?? []).map((dimension) => dimension ?? null),
  };
}
