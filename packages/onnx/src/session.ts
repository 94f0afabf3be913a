import type { AnyTensor } from "@casemate/tensor";
import type { Model, ValueInfo } from "./model.ts";

/** Where a graph runs; what is not built into the runtime is refused when the session opens. */
export type Device = "cpu" | "cuda" | "tensorrt" | "coreml" | "dml" | "webgpu" | (string & {});

export interface SessionOptions {
  /** Threads within one operator; the runtime's default (all cores) when absent. */
  readonly threads?: number;
  readonly device?: Device;
  /** Fuse and reorder operators; on unless a test needs the graph as written. */
  readonly optimize?: boolean;
}

/** A model made ready to run. Small on purpose, so that another runtime can stand behind it. */
export interface Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * Runs the graph once. Fetches every output unless `fetches` names some; a tensor given under a name is filled instead
   * of a new one being made. Throws an OnnxError RUNTIME_FAILURE with the runtime's words.
   */
  run(
    feeds: Readonly<Record<string, AnyTensor>>,
    fetches?: readonly string[] | Readonly<Record<string, AnyTensor | undefined>>,
  ): Promise<Readonly<Record<string, AnyTensor>>>;
  dispose(): Promise<void>;
}

/** Opens a model in onnxruntime. */
export declare function openSession(model: Model, options?: SessionOptions): Promise<Session>;
