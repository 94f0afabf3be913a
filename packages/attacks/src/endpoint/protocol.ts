import type { Shape } from "@casemate/tensor";
import type { AnswerRow } from "./scores.ts";

/** What is sent: rows of numbers, each of `shape`, already in the endpoint's units. */
export interface Rows {
  readonly count: number;
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
}

/** What an endpoint says of its model. */
export interface Metadata {
  readonly inputName?: string;
  readonly datatype?: string;
  /** Of a sample; undefined where it is not stated in full. */
  readonly inputShape?: Shape;
}

/** How an inference server is spoken to. */
export interface Protocol {
  /** Where rows are sent. */
  readonly url: URL;
  /** Where the model is described, if the protocol has that. */
  readonly metadataUrl?: URL;
  readMetadata?(json: unknown): Metadata;
  /** The body of a request. */
  body(rows: Rows, metadata: Metadata): unknown;
  /** The rows of an answer. Throws an Error that says what was expected. */
  rows(json: unknown): readonly AnswerRow[];
}

/** Numbers row by row as nested arrays of the rows' shape. */
export function nested({ count, shape, values }: Rows): unknown[] {
  let level: unknown[] = Array.from(values);
  for (const size of [...shape].reverse()) {
    level = Array.from({ length: level.length / size }, (_, i) => level.slice(i * size, (i + 1) * size));
  }
  return level.slice(0, count);
}

/** Whether something is an object with fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number of an answer; what is missing is not a number. Throws an Error for anything else. */
export function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (value === null) return Number.NaN;
  if (typeof value === "boolean") return Number(value);
  throw new Error(`expected numbers, got ${JSON.stringify(value)}`);
}
