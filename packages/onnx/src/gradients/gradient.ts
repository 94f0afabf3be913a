import type { AnyTensor } from "@casemate/tensor";
import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import type { Node } from "../model.ts";
import type { Probe } from "../probe.ts";
import type { Value } from "../value.ts";

/**
 * The rule of one operator: from the gradients of a node's outputs, the gradient of each of its inputs, in order.
 * Undefined stands for an input that gets none. Operators appear in their form since opset 18.
 */
export type Gradient = (site: Site) => readonly (Value | undefined)[];

/** A node of the forward graph, seen from the backward pass. */
export interface Site {
  readonly graph: GraphBuilder;
  readonly node: Node;
  /** Forward inputs. An optional input that is absent is undefined at its place: ask `has` first. */
  readonly inputs: readonly Value[];
  /** Forward outputs; one that the node leaves out is undefined at its place. */
  readonly outputs: readonly Value[];
  /** Gradient of the first output (zeros if only other outputs reach the loss). */
  readonly dy: Value;
  /** Gradient of each output; undefined for one that does not reach the loss. */
  readonly dys: readonly (Value | undefined)[];
  /** Whether the input is present. */
  has(input: number): boolean;
  /** Whether anybody asked for the gradient of the input; a rule can leave out the others. */
  wants(input: number): boolean;
  /** What the value holds, where that is known before the graph runs. */
  constant(value: Value | undefined): AnyTensor | undefined;
  /** A constant input (axes, starts, pads …) as numbers; `absent` if it is not there. Throws an OnnxError if it is not constant. */
  numbers(input: number, absent?: readonly number[]): readonly number[];
  int(attribute: string, absent: number): number;
  float(attribute: string, absent: number): number;
  string(attribute: string, absent: string): string;
  ints(attribute: string): readonly number[] | undefined;
  floats(attribute: string): readonly number[] | undefined;
  strings(attribute: string): readonly string[] | undefined;
}

/** The gradient of what is piecewise constant or has no derivative (comparisons, rounding, indices): none for any input. */
export const zero: Gradient = () => [];

/** Makes the site of a node. `dys` has an entry per output, undefined where none arrives. */
export function siteOf(
  graph: GraphBuilder,
  node: Node,
  dys: readonly (Value | undefined)[],
  probe: Probe,
  wanted: ReadonlySet<string>,
): Site {
  const value = (name: string): Value | undefined => (name === "" ? undefined : probe.value(name));
  const outputs = node.outputs.map(value) as Value[];
  const attribute = <T extends string>(name: string, type: T) => {
    const found = node.attributes[name];
    if (found && found.type !== type) {
      throw new OnnxError(
        "MALFORMED_MODEL",
        `${describe(node)}: expected attribute ${name} to be of type ${type}, got ${found.type}`,
      );
    }
    return found as Extract<typeof found, { type: T }> | undefined;
  };
  const site: Site = {
    graph,
    node,
    inputs: node.inputs.map(value) as Value[],
    outputs,
    dys,
    get dy() {
      return dys[0] ?? graph.filled(outputs[0]!, 0);
    },
    has: (input) => (node.inputs[input] ?? "") !== "",
    wants: (input) => wanted.has(node.inputs[input] ?? ""),
    constant: (known) => (known ? probe.constant(known.name) : undefined),
    numbers: (input, absent) => {
      if (!site.has(input)) {
        if (absent) {
          return absent;
        }
        throw new OnnxError("MALFORMED_MODEL", `${describe(node)}: expected input ${input}, got none`);
      }
      const known = probe.constant(node.inputs[input]!);
      if (!known) {
        throw new OnnxError(
          "UNSUPPORTED_OPERATOR",
          `${describe(node)}: expected input ${input} to be constant, got a value that depends on the model's input`,
        );
      }
      return Array.from(known.data as ArrayLike<number | bigint>, Number);
    },
    int: (name, absent) => attribute(name, "int")?.value ?? absent,
    float: (name, absent) => attribute(name, "float")?.value ?? absent,
    string: (name, absent) => attribute(name, "string")?.value ?? absent,
    ints: (name) => attribute(name, "ints")?.value,
    floats: (name) => attribute(name, "floats")?.value,
    strings: (name) => attribute(name, "strings")?.value,
  };
  return site;
}

/** A node as messages name it: Gemm 'fc1'. */
export function describe(node: Node): string {
  return `${node.op} '${node.name || node.outputs[0]}'`;
}
