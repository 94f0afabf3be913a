import type { DType } from "@casemate/tensor";
import type { TypeProto } from "./generated/onnx-ml_pb.ts";

/** A model as Casemate works on it: immutable values, nodes in topological order. */
export interface Model {
  readonly irVersion: number;
  /** Operator set version by domain; the standard domain is "". */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: Graph;
  readonly functions: readonly FunctionDefinition[];
  /** The file it was read from; absent for a model made in memory. Derived models keep it, since their weights live there. */
  readonly source?: ModelSource;
}

export interface ModelSource {
  /** Absolute path of the .onnx file; undefined when it came as bytes. */
  readonly path?: string;
  /** Absolute folder that external data must lie in. */
  readonly folder?: string;
  /** When the file was last changed as it was read, in milliseconds since 1970. */
  readonly modified?: number;
  /** The bytes of the file: embedded weights are views on it. */
  readonly bytes: Uint8Array;
  /** What the bytes were read as. A model that differs from it is a derived one; else the bytes are written back as they are. */
  readonly original?: Omit<Model, "source">;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Initializer>;
}

export interface Node {
  readonly name: string;
  /** The operator as ONNX spells it: "Conv", "Gemm". */
  readonly op: string;
  /** "" is the standard domain (also written "ai.onnx"). */
  readonly domain: string;
  /** Names of values; "" is an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** Tells functions of the same name apart; absent almost always. */
  readonly overload?: string;
}

export type Attributes = Readonly<Record<string, Attribute>>;

export type Attribute =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: Initializer }
  | { readonly type: "graph"; readonly value: Graph }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] }
  /** A reference to an attribute of the enclosing function (only inside FunctionDefinition). */
  | { readonly type: "reference"; readonly value: string; readonly of: AttributeKind }
  /** A type, as Optional carries it. */
  | { readonly type: "type"; readonly value: TypeProto };

export type AttributeKind = "float" | "int" | "string" | "tensor" | "graph" | "floats" | "ints" | "strings" | "type";

/** Element types that a file can hold; those beyond DType are carried, not computed with. */
export type ElementType =
  | DType
  | "complex64"
  | "complex128"
  | "float8e4m3fn"
  | "float8e4m3fnuz"
  | "float8e5m2"
  | "float8e5m2fnuz"
  | "float8e8m0"
  | "float4e2m1"
  | "int4"
  | "uint4"
  | "int2"
  | "uint2"
  | "undefined";

/** A number is fixed, a string is a symbol, undefined is unknown. */
export type Dimension = number | string | undefined;

/** What is declared about a graph's input or output. `shape` is undefined where the rank is unknown; `kind` where it is no tensor. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly Dimension[] | undefined;
  readonly kind: "tensor" | "sequence" | "map" | "optional" | "sparse";
  /** The whole type as read, where it is no tensor. */
  readonly type?: TypeProto;
}

/** A constant of the graph. */
export interface Initializer {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly data: InitializerData;
}

export type InitializerData =
  /** Little-endian bytes: a view on the file where it was embedded raw. */
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  /** Bytes of another file, not read yet. `path` is absolute and was checked to lie inside the model's folder. */
  | { readonly type: "file"; readonly path: string; readonly offset: number; readonly length: number }
  | { readonly type: "strings"; readonly values: readonly string[] };

export interface FunctionDefinition {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly defaults: Attributes;
  readonly opsets: ReadonlyMap<string, number>;
  readonly nodes: readonly Node[];
}
