import { stat } from "node:fs/promises";
import type { AnyTensor } from "@casemate/tensor";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "./encode.ts";
import { OnnxError } from "./errors.ts";
import type { Model, ValueInfo } from "./model.ts";
import { fromRuntimeTensor, toRuntimeTensor } from "./runtime-tensor.ts";

/** Where a graph runs; what is not built into the runtime is refused when the session opens. */
export type Device = "cpu" | "cuda" | "tensorrt" | "coreml" | "dml" | "webgpu" | (string & {});

export interface SessionOptions {
  /** Threads within one operator; the runtime's default (all cores) when absent. */
  readonly threads?: number;
  readonly device?: Device;
  /** Fuse and reorder operators; on unless a test needs the graph as written. */
  readonly optimize?: boolean;
  /** Whether other sessions run between the runs of this one: its threads then rest at once instead of waiting busily for more. */
  readonly alternates?: boolean;
}

/** A model made ready to run. Small on purpose, so that another runtime can stand behind it. */
export interface Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * Runs the graph once. Fetches every output that is a tensor unless `fetches` names some; a tensor given under a name is
   * filled instead of a new one being made. Throws an OnnxError RUNTIME_FAILURE with the runtime's words.
   */
  run(
    feeds: Readonly<Record<string, AnyTensor>>,
    fetches?: readonly string[] | Readonly<Record<string, AnyTensor | undefined>>,
  ): Promise<Readonly<Record<string, AnyTensor>>>;
  dispose(): Promise<void>;
}

/**
 * Opens a model in onnxruntime. Weights that lie in files are mapped from there by the runtime, so the files must stay as
 * they are since they were read and while the session lives. Throws an OnnxError: RUNTIME_FAILURE with the runtime's words,
 * UNREADABLE_FILE for a model file that changed.
 */
export async function openSession(model: Model, options: SessionOptions = {}): Promise<Session> {
  await checkSource(model);
  const runtime = await import("onnxruntime-node");
  runtime.env.logLevel = "error"; // its warnings would mix with the command's output
  let session: InferenceSession;
  try {
    session = await runtime.InferenceSession.create(
      encodeModel(model, { references: true }),
      runtimeOptions(options, model.source?.folder),
    );
  } catch (cause) {
    throw runtimeFailure("session", cause);
  }
  return new RuntimeSession(session, model.graph.inputs, model.graph.outputs, runtime.Tensor);
}

/** Offsets into a file hold only for the file that they were read from. */
async function checkSource({ source }: Model): Promise<void> {
  if (source?.path === undefined || source.modified === undefined) {
    return;
  }
  const stats = await stat(source.path).catch(() => undefined);
  if (stats?.mtimeMs !== source.modified || stats.size !== source.bytes.length) {
    const got = stats ? "another one" : "none";
    throw new OnnxError("UNREADABLE_FILE", `${source.path}: expected the file as it was when it was read, got ${got}`);
  }
}

class RuntimeSession implements Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #session: InferenceSession;
  readonly #Tensor: typeof Tensor;
  readonly #tensors: readonly string[];
  #isOpen = true;

  constructor(
    session: InferenceSession,
    inputs: readonly ValueInfo[],
    outputs: readonly ValueInfo[],
    TensorType: typeof Tensor,
  ) {
    this.#session = session;
    this.inputs = inputs;
    this.outputs = outputs;
    this.#tensors = outputs.flatMap(({ name, kind }) => (kind === "tensor" ? [name] : [])); // the runtime hands out no others
    this.#Tensor = TensorType;
  }

  async run(
    feeds: Readonly<Record<string, AnyTensor>>,
    fetches: readonly string[] | Readonly<Record<string, AnyTensor | undefined>> = this.#tensors,
  ): Promise<Readonly<Record<string, AnyTensor>>> {
    if (!this.#isOpen) {
      throw new OnnxError("RUNTIME_FAILURE", "session: expected one that is open, got one that was disposed");
    }
    const wanted = new Map<string, AnyTensor | undefined>(
      isNames(fetches) ? fetches.map((name) => [name, undefined]) : Object.entries(fetches),
    );
    try {
      const results = await this.#session.run(
        mapRecord(Object.entries(feeds), (tensor, name) => toRuntimeTensor(tensor, name, this.#Tensor)),
        mapRecord([...wanted], (tensor, name) => (tensor ? toRuntimeTensor(tensor, name, this.#Tensor) : null)),
      );
      return mapRecord([...wanted], (tensor, name) => tensor ?? fromRuntimeTensor(results[name], name));
    } catch (cause) {
      throw runtimeFailure("run", cause);
    }
  }

  async dispose(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      await this.#session.release();
    }
  }
}

function runtimeOptions(
  { threads, device = "cpu", optimize = true, alternates = false }: SessionOptions,
  folder: string | undefined,
) {
  const session = {
    ...(folder && { model_external_initializers_file_folder_path: folder }),
    ...(alternates && { force_spinning_stop: "1" }),
  };
  return {
    executionProviders: [device],
    graphOptimizationLevel: optimize ? "all" : "disabled",
    logSeverityLevel: 4, // fatal ones: errors are thrown, and must not also mix with the command's output
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    extra: { session },
  } satisfies InferenceSession.SessionOptions;
}

function isNames(fetches: readonly string[] | Readonly<Record<string, unknown>>): fetches is readonly string[] {
  return Array.isArray(fetches);
}

function mapRecord<From, To>(
  entries: readonly (readonly [string, From])[],
  change: (value: From, name: string) => To,
): Record<string, To> {
  return Object.fromEntries(entries.map(([name, value]) => [name, change(value, name)]));
}

function runtimeFailure(where: string, cause: unknown): OnnxError {
  if (cause instanceof OnnxError) {
    return cause;
  }
  const words = cause instanceof Error ? cause.message : String(cause);
  return new OnnxError("RUNTIME_FAILURE", `${where}: onnxruntime said: ${words.trim()}`, { cause });
}
