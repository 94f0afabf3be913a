import type { ElementType } from "./model.ts";

/**
 * One axis of a value: a number where every probe saw the same size; otherwise a string that lists what the probes saw,
 * so that two free axes are equal exactly when their strings are.
 */
export type Extent = number | string;

/** A value of a graph, by name, with what is known of it. */
export interface Value {
  readonly name: string;
  readonly dtype: ElementType;
  /** Undefined for values that a builder made and nobody probed. */
  readonly shape: readonly Extent[] | undefined;
}

/** Whether every axis has a known size. */
export function isStatic(shape: readonly Extent[] | undefined): shape is readonly number[] {
  return shape?.every((extent) => typeof extent === "number") ?? false;
}

/** The rank of a value; throws a TypeError for a value without a shape, which only a rule that forgot `withShape` meets. */
export function rankOf(value: Value): number {
  if (!value.shape) {
    throw new TypeError(`'${value.name}': expected a value of known rank`);
  }
  return value.shape.length;
}
