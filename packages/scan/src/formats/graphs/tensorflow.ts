import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import type { Source } from "../../sources/source.ts";
import { reportKerasTexts } from "../hub/hdf5/hdf5.ts";
import { kerasRules } from "../hub/keras-rules.ts";
import { type Field, fieldsOf, textOfField, topFields } from "./wire.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

export const tensorflowRules = rulesOf("tensorflow", {
  "python-operator": {
    ...RUNS_CODE,
    title: "Operator that runs Python or loads a library",
    severity: "critical",
    effect: "Running the model runs code of its author's choice.",
  },
  "file-operator": {
    ...RUNS_CODE,
    title: "Operator that reads or writes files",
    severity: "high",
    effect: "Running the model reads or writes files of the machine.",
  },
  "network-operator": {
    ...RUNS_CODE,
    title: "Operator that talks to other machines",
    severity: "high",
    effect: "Running the model sends data elsewhere, or waits for it.",
  },
  "debug-operator": {
    title: "Operator that prints or ends the program",
    severity: "info",
    effect: "Running the model prints, or ends with an error.",
  },
  "asset-path": {
    title: "Asset outside of the model's folder",
    severity: "critical",
    effect: "Loading the model reads a file elsewhere on the machine.",
  },
});

const PYTHON = /^(PyFunc|PyFuncStateless|EagerPyFunc|PyCall|LoadLibrary|PyCallV2|ExperimentalPyFunc)$/;
const FILES =
  /^(ReadFile|WriteFile|MatchingFiles|AppendFile|WholeFileReader(V2)?|FixedLengthRecordReader(V2)?|TextLineReader(V2)?|TFRecordReader(V2)?|LMDBReader|ReaderRead.*|TextLineDataset|TFRecordDataset(V2)?|FixedLengthRecordDataset(V2)?|CSVDataset(V2)?|SqlDataset|SaveDataset(V2)?|LoadDataset|SnapshotDataset(V2)?|CreateSummaryFileWriter|WriteSummary|CacheDataset(V2)?|ImmutableConst|InitializeTableFromTextFile(V2)?)$/;
const SAVER = /^(Save|SaveV2|SaveSlices|MergeV2Checkpoints|Restore|RestoreV2|RestoreSlice)$/;
const NETWORK =
  /^(DataServiceDataset.*|RpcOp|RpcCall|RpcClient|RegisterDataset.*|_Send|_Recv|_HostSend|CollectiveGather|BigQueryReader|GcsConfigureCredentials)$/;
const DEBUG = /^(Print|PrintV2|Assert|Abort|DebugIdentity.*)$/;

/** SavedModels and frozen graphs (tensorflow/core/protobuf): every operator, in functions too, and the names of assets. */
export const savedModel: Format = {
  id: "saved-model",
  title: "TensorFlow SavedModel",
  rules: { ...tensorflowRules, ...kerasRules },
  detect(_, source) {
    const found = topFields(source, (number, wire) => (number === 1 && wire === 0) || (number === 2 && wire === 2));
    return found !== undefined && found.size === 2 && source.size > 8;
  },
  scan(source, context) {
    for (const graph of fieldsOf(source)) {
      if (graph.number !== 2) continue;
      for (const field of inner(source, graph)) {
        if (field.number === 2) scanGraph(source, field, context);
        else if (field.number === 6) checkAsset(source, field, context);
      }
    }
  },
};

/** A graph of its own: frozen, or for older versions. */
export const graphDef: Format = {
  id: "graph-def",
  title: "TensorFlow graph",
  rules: tensorflowRules,
  detect(head, source) {
    if (head[0] !== 0x0a) return false;
    const found = topFields(source, (number, wire) => (number === 3 ? wire === 0 : number <= 5 && wire === 2));
    return found !== undefined && firstOperator(source) !== undefined;
  },
  scan(source, context) {
    scanGraph(source, { number: 2, wire: 2, value: 0, offset: 0, bytes: source.size }, context);
  },
};

/** What Keras kept beside a SavedModel: the configuration of every layer. */
export const kerasMetadata: Format = {
  id: "keras-metadata",
  title: "Keras metadata",
  rules: kerasRules,
  detect: (head) => head[0] === 0x0a && Buffer.from(head).includes("_tf_keras_"),
  scan: reportKerasTexts,
};

function inner(source: Source, { offset, bytes }: Field): Generator<Field> {
  return fieldsOf(source, offset, offset + bytes);
}

function firstOperator(source: Source): string | undefined {
  for (const node of fieldsOf(source)) {
    if (node.number !== 1) continue;
    for (const field of inner(source, node)) {
      if (field.number !== 2) continue;
      const name = textOfField(source, field, 200);
      return /^[A-Z_][A-Za-z0-9_>]*$/.test(name) ? name : undefined;
    }
    return undefined;
  }
  return undefined;
}

function scanGraph(source: Source, graph: Field, context: ScanContext): void {
  for (const field of inner(source, graph)) {
    if (field.number === 1) scanNode(source, field, "", context);
    else if (field.number === 2)
      for (const definition of inner(source, field))
        if (definition.number === 1) scanFunction(source, definition, context);
  }
}

function scanFunction(source: Source, definition: Field, context: ScanContext): void {
  let name = "";
  for (const field of inner(source, definition)) {
    if (field.number === 1)
      for (const each of inner(source, field)) if (each.number === 1) name = textOfField(source, each, 300);
    if (field.number === 3) scanNode(source, field, name, context);
  }
}

function scanNode(source: Source, node: Field, functionName: string, context: ScanContext): void {
  context.countEntry();
  let name = "";
  let operator = "";
  for (const field of inner(source, node)) {
    if (field.number === 1) name = textOfField(source, field, 300);
    else if (field.number === 2) operator = textOfField(source, field, 200);
  }
  const rule = ruleOf(operator, name, functionName);
  if (rule)
    context.report(tensorflowRules[rule], `operator ${operator}${functionName === "" ? "" : ` in ${functionName}`}`, {
      part: `${operator} '${name}'`,
      offset: node.offset,
    });
}

function ruleOf(operator: string, name: string, functionName: string): keyof typeof tensorflowRules | undefined {
  if (PYTHON.test(operator)) return "python-operator";
  if (FILES.test(operator)) return "file-operator";
  // every SavedModel has the operators that save and restore it
  if (SAVER.test(operator))
    return /^save(_\d+)?\//.test(name) || /traced_(save|restore)/.test(functionName) ? undefined : "file-operator";
  if (NETWORK.test(operator)) return "network-operator";
  return DEBUG.test(operator) ? "debug-operator" : undefined;
}

function checkAsset(source: Source, asset: Field, context: ScanContext): void {
  for (const field of inner(source, asset)) {
    if (field.number !== 2) continue;
    const path = textOfField(source, field, 4096);
    if (/^[\\/]|^[A-Za-z]:|(^|[\\/])\.\.([\\/]|$)/.test(path))
      context.report(tensorflowRules["asset-path"], path, { offset: asset.offset });
  }
}
