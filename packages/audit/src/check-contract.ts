import type { Model, ValueInfo } from "@casemate/onnx";
import { AuditError } from "./errors.ts";
import { endOf } from "./output-end.ts";
import type { Contract, ContractInput, ContractOutput } from "./schemas/contract.ts";

/** Throws CONTRACT_MISMATCH where a contract says something of a model that its graph denies. */
export function checkContract(contract: Contract, model: Model): void {
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name));
  for (const input of contract.inputs) {
    const declared = inputs.find(({ name }) => name === input.name);
    if (!declared) throw mismatch(`input '${input.name}' is not in the model, which has ${names(inputs)}`);
    checkInput(input, declared);
  }
  const missing = inputs.find(({ name }) => !contract.inputs.some((input) => input.name === name));
  if (missing) throw mismatch(`the model's input '${missing.name}' is not described`);
  const output = model.graph.outputs.find(({ name }) => name === contract.output.name);
  if (!output)
    throw mismatch(`output '${contract.output.name}' is not in the model, which has ${names(model.graph.outputs)}`);
  checkOutput(contract.output, output, model);
}

function checkInput(input: ContractInput, declared: ValueInfo): void {
  const here = `input '${input.name}'`;
  if (declared.dtype !== input.dtype)
    throw mismatch(`${here}: expected ${declared.dtype}, contract says ${input.dtype}`);
  if (declared.shape === undefined) return;
  const agrees =
    declared.shape.length === input.shape.length &&
    declared.shape.every(
      (dimension, axis) =>
        typeof dimension !== "number" || input.shape[axis] === null || input.shape[axis] === dimension,
    );
  if (!agrees) {
    throw mismatch(
      `${here}: expected shape [${declared.shape.map((d) => d ?? "?").join(", ")}], contract says [${input.shape.map((d) => d ?? "free").join(", ")}]`,
    );
  }
}

function checkOutput({ name, kind, classes }: ContractOutput, declared: ValueInfo, model: Model): void {
  const here = `output '${name}'`;
  const end = endOf(model, name);
  if ((end.op === "Softmax" || end.op === "Sigmoid") && (kind === "logits" || kind === "logit")) {
    throw mismatch(`${here}: contract says ${kind}, but the graph ends in ${end.op}, which gives probabilities`);
  }
  if (end.op === "ArgMax" && kind !== "labels") {
    throw mismatch(`${here}: contract says ${kind}, but the graph ends in ArgMax, which gives labels`);
  }
  if (kind === "labels") {
    if (end.width !== undefined && end.width > 1)
      throw mismatch(`${here}: contract says labels, but there are ${end.width} numbers for each sample`);
    return;
  }
  if (declared.kind === "tensor" && declared.dtype === "int64") {
    throw mismatch(`${here}: contract says ${kind}, but it holds whole numbers`);
  }
  const expected = kind === "logit" || kind === "probability" ? 1 : classes.length;
  if (end.width !== undefined && end.width !== expected) {
    throw mismatch(
      `${here}: contract says ${kind} of ${classes.length} classes, but there ${end.width === 1 ? "is 1 number" : `are ${end.width} numbers`} for each sample`,
    );
  }
}

function names(values: readonly ValueInfo[]): string {
  return values.map(({ name }) => `'${name}'`).join(", ");
}

function mismatch(message: string): AuditError {
  return new AuditError("CONTRACT_MISMATCH", message);
}
