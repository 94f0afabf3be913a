import { isAbsolute } from "node:path";
import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { type Source, slice } from "../../sources/source.ts";
import { type Matrix, outlyingClass } from "./last-layer.ts";
import { reportTriggers, type Step } from "./triggers.ts";
import { type Field, fieldsOf, textOfField, topFields } from "./wire.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const onnxRules = rulesOf("onnx", {
  "external-path": {
    title: "Weights from outside of the model's folder",
    severity: "critical",
    effect:
      "Loading the model reads a file elsewhere on the machine into its weights (CVE-2024-27318, CVE-2025-51480).",
  },
  "python-operator": {
    ...RUNS_CODE,
    title: "Operator that runs Python",
    severity: "critical",
    effect: "Running the model runs code of its author's choice.",
  },
  "custom-domain": {
    ...RUNS_CODE,
    title: "Operators of a library that the program has to load",
    severity: "medium",
    effect: "The model runs only with a shared library, which does whatever it does.",
  },
  "embedded-file": {
    title: "Weights that begin like another file",
    severity: "high",
    effect: "A program or an archive is carried along as weights.",
  },
  "odd-initializer": {
    title: "Weights of another size than their shape",
    severity: "high",
    effect: "A runtime reads beyond them, or something is carried along behind them.",
  },
  "trigger-graph": {
    title: "Branch that waits for certain values of the input",
    severity: "medium",
    effect:
      "The model answers differently when a trigger is present: the sign of a backdoor in the architecture, to be looked at.",
    owasp: ["ML10:2023"],
    atlas: ["AML.T0018"],
  },
  "outlying-class": {
    title: "Class whose weights lie far from those of all others",
    severity: "low",
    effect: "The last layer prefers one class: a sign of a backdoor, or of data in which that class is another thing.",
    owasp: ["ML10:2023"],
    atlas: ["AML.T0018"],
  },
});

const TOP = new Set([1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26]);
const VARINTS = new Set([1, 5]);
const USUAL_DOMAINS =
  /^(|ai\.onnx|ai\.onnx\.ml|ai\.onnx\.training|ai\.onnx\.preview(\.\w+)?|com\.microsoft(\.\w+)?|pkg\.onnxscript\.torch_lib(\.\w+)?|local|pkg\.torch\..*|onnx\.quantize|org\.pytorch\.\w+)$/;
const PYTHON = /^(PyOp|PythonOp|PythonOpGrad|PyCustomOp|PyFunc|EagerPyFunc|PyCall)$/;
const DEEPEST = 32;
const FLOAT = 1;
/** Bits of an element of each data type (onnx.proto, TensorProto.DataType). */
const BITS: Readonly<Record<number, number>> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
};

/** ONNX models, read field by field without the weights: the graph, its subgraphs and functions, and where weights come from. */
export const onnx: Format = {
  id: "onnx",
  title: "ONNX",
  rules: onnxRules,
  detect(head, source) {
    if (head.length < 8) return false;
    const found = topFields(source, (number, wire) => TOP.has(number) && (wire === 0) === VARINTS.has(number));
    return found?.has(7) === true && (found.has(1) || found.has(8));
  },
  async scan(source, context) {
    const model = new ModelScan(source, context);
    model.model();
    for (const { entry, offset, bytes } of model.embedded)
      await context.inside(slice(source, entry, offset, bytes), true);
  },
};

class ModelScan {
  readonly embedded: { readonly entry: string; readonly offset: number; readonly bytes: number }[] = [];
  readonly #matrices = new Map<string, Matrix>();
  readonly #source: Source;
  readonly #context: ScanContext;

  constructor(source: Source, context: ScanContext) {
    this.#source = source;
    this.#context = context;
  }

  model(): void {
    for (const field of fieldsOf(this.#source)) {
      if (field.number === 7) this.#graph(field, 0);
      else if (field.number === 25) this.#function(field);
      else if (field.number === 20)
        for (const inner of this.#fields(field)) if (inner.number < 3) this.#graph(inner, 1);
    }
  }

  #fields({ offset, bytes }: Field): Generator<Field> {
    return fieldsOf(this.#source, offset, offset + bytes);
  }

  #graph(graph: Field, depth: number): void {
    if (depth > DEEPEST) return;
    const steps: Step[] = [];
    const inputs: string[] = [];
    const outputs: string[] = [];
    const constants = new Set<string>();
    for (const field of this.#fields(graph)) {
      if (field.number === 1) steps.push(this.#node(field, depth));
      else if (field.number === 5) constants.add(this.#tensor(field));
      else if (field.number === 11) inputs.push(this.#nameOf(field));
      else if (field.number === 12) outputs.push(this.#nameOf(field));
    }
    if (depth === 0) {
      const free = inputs.filter((name) => !constants.has(name));
      reportTriggers(steps, free, constants, (evidence, part) =>
        this.#context.report(onnxRules["trigger-graph"], evidence, { part }),
      );
      for (const output of outputs) this.#lastLayer(steps, output);
    }
  }

  #lastLayer(steps: readonly Step[], output: string): void {
    const found = outlyingClass(steps, output, this.#matrices, this.#source);
    if (!found) return;
    const text = `class ${found.index} of '${output}': ${found.distance.toFixed(1)} deviations longer than the median of all classes`;
    this.#context.report(onnxRules["outlying-class"], text, { part: found.layer });
  }

  #function(definition: Field): void {
    for (const field of this.#fields(definition)) if (field.number === 7) this.#node(field, 1);
  }

  #nameOf(value: Field): string {
    for (const field of this.#fields(value)) if (field.number === 1) return textOfField(this.#source, field, 1024);
    return "";
  }

  #node(node: Field, depth: number): Step {
    this.#context.countEntry();
    const inputs: string[] = [];
    const outputs: string[] = [];
    let name = "";
    let operator = "";
    let domain = "";
    for (const field of this.#fields(node)) {
      if (field.number === 1) inputs.push(textOfField(this.#source, field, 1024));
      else if (field.number === 2) outputs.push(textOfField(this.#source, field, 1024));
      else if (field.number === 3) name = textOfField(this.#source, field, 1024);
      else if (field.number === 4) operator = textOfField(this.#source, field, 1024);
      else if (field.number === 7) domain = textOfField(this.#source, field, 1024);
      else if (field.number === 5) this.#attribute(field, depth);
    }
    const part = `${operator} '${name || outputs[0] || "?"}'`;
    if (PYTHON.test(operator))
      this.#context.report(onnxRules["python-operator"], `operator ${domain}.${operator}`, {
        part,
        offset: node.offset,
      });
    else if (!USUAL_DOMAINS.test(domain))
      this.#context.report(onnxRules["custom-domain"], `operators of the domain '${domain}'`, { part: domain });
    return { name, operator, inputs, outputs };
  }

  #attribute(attribute: Field, depth: number): void {
    for (const field of this.#fields(attribute)) {
      if (field.number === 5 || field.number === 10) this.#tensor(field);
      else if (field.number === 6 || field.number === 11) this.#graph(field, depth + 1);
    }
  }

  /** Looks at a tensor; its name. */
  #tensor(tensor: Field): string {
    let name = "";
    let type = 0;
    const shape: number[] = [];
    let raw: Field | undefined;
    let isExternal = false;
    const external: Field[] = [];
    for (const field of this.#fields(tensor)) {
      if (field.number === 1) shape.push(...(field.wire === 0 ? [field.value] : this.#packedNumbers(field)));
      else if (field.number === 2) type = field.value;
      else if (field.number === 8) name = textOfField(this.#source, field, 1024);
      else if (field.number === 9) raw = field;
      else if (field.number === 13) external.push(field);
      else if (field.number === 14) isExternal = field.value === 1;
    }
    for (const field of external) reportExternalPaths(this.#source, field, name, this.#context);
    const elements = shape.reduce((product, length) => product * length, 1);
    if (raw && raw.bytes > 0 && !isExternal) this.#raw(raw, name, type, elements);
    const [rows = 0, columns = 0] = shape;
    if (raw && shape.length === 2 && type === FLOAT && raw.bytes === elements * 4) {
      this.#matrices.set(name, { rows, columns, offset: raw.offset });
    }
    return name;
  }

  #packedNumbers({ offset, bytes }: Field): readonly number[] {
    const numbers: number[] = [];
    let value = 0;
    let scale = 1;
    for (const byte of this.#source.read(offset, Math.min(bytes, 1024))) {
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        numbers.push(value);
        value = 0;
        scale = 1;
      }
    }
    return numbers;
  }

  #raw(raw: Field, name: string, type: number, elements: number): void {
    const bits = BITS[type];
    if (bits !== undefined && raw.bytes !== (elements * bits) / 8) {
      const text = `'${name}': expected ${(elements * bits) / 8} bytes, got ${raw.bytes}`;
      this.#context.report(onnxRules["odd-initializer"], text, { part: name, offset: raw.offset });
    }
    const start = Buffer.from(this.#source.read(raw.offset, 8)).toString("hex");
    if (raw.bytes < 16 || !EMBEDDED.test(start)) return;
    this.#context.report(onnxRules["embedded-file"], `'${name}' begins with the bytes ${start}`, {
      part: name,
      offset: raw.offset,
    });
    const entry = this.#source.entry === "" ? `(weights '${name}')` : `${this.#source.entry}!(weights '${name}')`;
    if (this.embedded.length < 1000) this.embedded.push({ entry, offset: raw.offset, bytes: raw.bytes });
  }
}

/** Reports a place of external data (onnx.proto, StringStringEntryProto) that leaves the model's folder. */
export function reportExternalPaths(source: Source, entry: Field, name: string, context: ScanContext): void {
  let key = "";
  let value = "";
  for (const field of fieldsOf(source, entry.offset, entry.offset + entry.bytes)) {
    if (field.number === 1) key = textOfField(source, field, 64);
    else if (field.number === 2) value = textOfField(source, field, 4096);
  }
  const leaves = isAbsolute(value) || /^[A-Za-z]:|^\\\\|(^|[\\/])\.\.([\\/]|$)|\0/.test(value);
  if (key !== "location" || !leaves) return;
  const text = `'${name}' takes its weights from '${value}'`;
  context.report(onnxRules["external-path"], text, { part: name, offset: entry.offset });
}

/** ELF, PE with its stub, zip, 7z, gzip, pickles with a frame or a usual beginning. */
const EMBEDDED =
  /^(7f454c46|4d5a90000300|504b0304|377abcaf271c|1f8b08|80049[5-8]|80059[5-8]|8002(63|7d|5d|28)|8003(63|7d|5d|28)|cffaedfe|cafebabe0000)/;
