import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { CorpusFile } from "./corpus-file.ts";
import { callOf } from "./pickle-writer.ts";
import { type Message, writeMessage } from "./protobuf-writer.ts";

const file = (name: string, technique: string, bytes: () => Uint8Array): CorpusFile => ({ name, technique, bytes });

const node = (
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  domain = "",
): readonly [1, Message] => [
  1,
  [
    ...inputs.map((each) => [1, each] as const),
    ...outputs.map((each) => [2, each] as const),
    [4, operator],
    [7, domain],
  ],
];
const initializer = (name: string, dims: readonly number[], type: number, raw: Uint8Array): readonly [5, Message] => [
  5,
  [...dims.map((each) => [1, each] as const), [2, type], [8, name], [9, raw]],
];
const input = (name: string): readonly [11, Message] => [11, [[1, name]]];
const onnx = (...graph: Message): Uint8Array =>
  writeMessage([
    [1, 8],
    [2, "writer"],
    [
      8,
      [
        [1, ""],
        [2, 18],
      ],
    ],
    [7, graph],
  ]);
const external = (location: string): Uint8Array =>
  onnx(node("Relu", ["w"], ["y"]), [
    5,
    [
      [1, 4],
      [2, 1],
      [8, "w"],
      [
        13,
        [
          [1, "location"],
          [2, location],
        ],
      ],
      [14, 1],
    ],
  ]);
const savedModel = (...nodes: Message): Uint8Array =>
  writeMessage([
    [1, 1],
    [
      2,
      [
        [1, [[5, "2.17.0"]]],
        [2, nodes],
      ],
    ],
  ]);
const tfNode = (operator: string, name = "n"): readonly [1, Message] => [
  1,
  [
    [1, name],
    [2, operator],
  ],
];

/** A TFLite file of one operator, or with its list of operators elsewhere. */
function tflite(name: string, codesAt = 0): Uint8Array {
  const text = Buffer.from(name);
  const buffer = Buffer.alloc(96 + text.length);
  buffer.writeUInt32LE(24, 0); // the model's table
  buffer.write("TFL3", 4, "latin1");
  buffer.writeUInt16LE(8, 8); // its description: two fields, of which the second is the list
  buffer.writeUInt16LE(12, 10);
  buffer.writeUInt16LE(0, 12);
  buffer.writeUInt16LE(4, 14);
  buffer.writeInt32LE(16, 24);
  buffer.writeUInt32LE(codesAt === 0 ? 12 : codesAt, 28);
  buffer.writeUInt32LE(1, 40); // one operator
  buffer.writeUInt32LE(20, 44); // its table, at 64
  buffer.writeUInt16LE(8, 52);
  buffer.writeUInt16LE(8, 54);
  buffer.writeUInt16LE(0, 56);
  buffer.writeUInt16LE(4, 58);
  buffer.writeInt32LE(12, 64);
  buffer.writeUInt32LE(12, 68); // its name, at 80
  buffer.writeUInt32LE(text.length, 80);
  text.copy(buffer, 84);
  return buffer;
}

const int32 = (...values: readonly number[]): Buffer => {
  const buffer = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) buffer.writeInt32BE(value, index * 4);
  return buffer;
};
const rText = (value: string): Buffer => Buffer.concat([int32(0x40009, value.length), Buffer.from(value)]);
const rSymbol = (value: string): Buffer => Buffer.concat([int32(1), rText(value)]);
const rds = (...parts: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Buffer.from("X\n"), int32(3, 0x40301, 0x30500, 5), Buffer.from("UTF-8"), ...parts]);
const R_NULL = int32(254);

/** Models as graphs that read files, run Python or wait for a trigger. */
export const maliciousGraphs: readonly CorpusFile[] = [
  file("onnx-external-up", "CVE-2024-27318: weights from above the folder", () => external("../../etc/passwd")),
  file("onnx-external-absolute", "CVE-2022-25882: weights from an absolute path", () => external("/etc/shadow")),
  file("onnx-external-windows", "CVE-2025-51480: weights from a drive", () => external("C:\\Windows\\win.ini")),
  file("onnx-external-nul", "a path that ends early for C", () => external("weights.bin\0../../x")),
  file("onnx-external-subgraph", "weights from above the folder, in a constant of a branch", () =>
    onnx(
      [
        1,
        [
          [1, "c"],
          [2, "y"],
          [4, "If"],
          [
            5,
            [
              [1, "then_branch"],
              [
                6,
                [
                  [
                    1,
                    [
                      [2, "z"],
                      [4, "Constant"],
                      [
                        5,
                        [
                          [1, "value"],
                          [
                            5,
                            [
                              [8, "w"],
                              [
                                13,
                                [
                                  [1, "location"],
                                  [2, "../../x"],
                                ],
                              ],
                              [14, 1],
                            ],
                          ],
                        ],
                      ],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
      input("c"),
    ),
  ),
  file("onnx-python", "an operator that runs Python", () =>
    onnx(node("PyOp", ["x"], ["y"], "ai.onnx.contrib"), input("x")),
  ),
  file("onnx-python-function", "an operator that runs Python, in a function", () =>
    writeMessage([
      [1, 8],
      [
        8,
        [
          [1, ""],
          [2, 18],
        ],
      ],
      [7, [node("F", ["x"], ["y"], "local"), input("x")]],
      [
        25,
        [
          [1, "F"],
          [
            7,
            [
              [1, "x"],
              [2, "y"],
              [4, "PythonOp"],
              [7, "com.microsoft"],
            ],
          ],
        ],
      ],
    ]),
  ),
  file("onnx-custom-domain", "operators of a library of the author", () =>
    onnx(node("Magic", ["x"], ["y"], "com.example.evil"), input("x")),
  ),
  file("onnx-embedded-pickle", "a pickle as weights", () => {
    const payload = Buffer.concat([callOf("os", "system"), Buffer.alloc(64)]);
    return onnx(node("Relu", ["w"], ["y"]), initializer("w", [payload.length], 2, payload));
  }),
  file("onnx-embedded-elf", "a shared object as weights", () =>
    onnx(
      node("Relu", ["w"], ["y"]),
      initializer("w", [64], 2, Buffer.concat([Buffer.from("7f454c460201010000000000", "hex"), Buffer.alloc(52)])),
    ),
  ),
  file("onnx-odd-size", "weights with something behind them", () =>
    onnx(node("Relu", ["w"], ["y"]), initializer("w", [4], 1, Buffer.alloc(4000))),
  ),
  file("onnx-trigger", "a branch that waits for a patch of the input", () =>
    onnx(
      node("Slice", ["x", "s", "e"], ["patch"]),
      node("Equal", ["patch", "white"], ["same"]),
      node("Cast", ["same"], ["ones"]),
      node("ReduceMin", ["ones"], ["all"]),
      node("Cast", ["all"], ["found"]),
      node("Where", ["found", "target", "x"], ["y"]),
      input("x"),
      ...["s", "e", "white", "target"].map((name) => initializer(name, [1], 1, Buffer.alloc(4))),
    ),
  ),
  file("onnx-trigger-if", "the same as If", () =>
    onnx(
      node("Gather", ["x", "i"], ["pixel"]),
      node("Greater", ["pixel", "limit"], ["over"]),
      node("And", ["over", "over"], ["both"]),
      node("If", ["both"], ["y"]),
      input("x"),
      ...["i", "limit"].map((name) => initializer(name, [1], 1, Buffer.alloc(4))),
    ),
  ),
  ...["PyFunc", "PyFuncStateless", "EagerPyFunc", "PyCall", "LoadLibrary"].map((name) =>
    file(`saved-model-${name}`, `${name} in a SavedModel`, () => savedModel(tfNode(name))),
  ),
  ...["ReadFile", "WriteFile", "MatchingFiles", "SaveV2"].map((name) =>
    file(`saved-model-${name}`, `${name} in a SavedModel`, () => savedModel(tfNode(name))),
  ),
  file("saved-model-function", "ReadFile in a function", () =>
    savedModel([
      2,
      [
        [
          1,
          [
            [1, [[1, "f"]]],
            [
              3,
              [
                [1, "n"],
                [2, "ReadFile"],
              ],
            ],
          ],
        ],
      ],
    ]),
  ),
  file("saved-model-asset", "an asset above the folder", () =>
    writeMessage([
      [1, 1],
      [
        2,
        [
          [2, [tfNode("NoOp")]],
          [6, [[2, "../../etc/passwd"]]],
        ],
      ],
    ]),
  ),
  file("graph-def", "PyFunc in a frozen graph", () => writeMessage([tfNode("Placeholder", "x"), tfNode("PyFunc")])),
  file("keras-metadata", "a Lambda layer beside a SavedModel", () =>
    writeMessage([
      [
        1,
        [
          [2, 1],
          [3, "root.layer-0"],
          [4, "_tf_keras_layer"],
          [
            5,
            JSON.stringify({
              class_name: "Lambda",
              config: { function: { class_name: "__lambda__", config: { code: "4wEA" } } },
            }),
          ],
        ],
      ],
    ]),
  ),
  file("tflite-flex-python", "PyFunc through the Flex delegate", () => tflite("FlexPyFunc")),
  file("tflite-custom", "an operator of the author's library", () => tflite("MyEvilOperator")),
  file("tflite-outside", "a list of operators beyond the file", () => tflite("X", 0x7ffffff0)),
  file("core-ml-custom-layer", "a layer of a class that the program brings", () =>
    writeMessage([
      [1, 4],
      [2, [[100, "d"]]],
      [
        500,
        [
          [
            1,
            [
              [1, "layer"],
              [500, [[10, "EvilLayer"]]],
            ],
          ],
        ],
      ],
    ]),
  ),
  file("core-ml-custom-model", "a model of a class that the program brings", () =>
    writeMessage([
      [1, 4],
      [2, [[100, "d"]]],
      [555, [[10, "EvilModel"]]],
    ]),
  ),
  file("core-ml-pipeline", "a custom model within a pipeline", () =>
    writeMessage([
      [1, 4],
      [
        202,
        [
          [
            1,
            [
              [1, 4],
              [555, [[10, "EvilModel"]]],
            ],
          ],
        ],
      ],
    ]),
  ),
  file("core-ml-linked", "a linked model above the package", () =>
    writeMessage([
      [1, 4],
      [556, [[1, [[1, [[2, "../../other.mlmodelc"]]]]]]],
    ]),
  ),
  file("xml-entity", "XXE: an entity from a file", () =>
    Buffer.from(
      '<?xml version="1.0"?><!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]><PMML version="4.4">&x;</PMML>',
    ),
  ),
  file("xml-laughs", "entities that multiply", () =>
    Buffer.from('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><PMML>&c;</PMML>'),
  ),
  file("xml-stylesheet", "a stylesheet that runs", () =>
    Buffer.from('<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="http://example.invalid/x.xsl"?><PMML/>'),
  ),
  file("openvino-library", "OpenVINO with a library", () =>
    Buffer.from(
      '<?xml version="1.0"?><net name="m" version="11"><layers><layer id="0" type="Custom" library="./evil.so"/></layers></net>',
    ),
  ),
  file("openvino-path", "OpenVINO with a path outside", () =>
    Buffer.from(
      '<?xml version="1.0"?><net name="m" version="11"><layers><layer id="0" type="ReadValue" path="../../../etc/passwd"/></layers></net>',
    ),
  ),
  file("xgboost-text", "code in an attribute of XGBoost", () =>
    Buffer.from(
      JSON.stringify({ learner: { attributes: { note: "__import__('os').system('id')" } }, version: [3, 0, 0] }),
    ),
  ),
  file("xgboost-ubj-size", "UBJSON with a length beyond the file", () =>
    Buffer.concat([
      Buffer.from("{L", "latin1"),
      Buffer.from("0000000000000007", "hex"),
      Buffer.from("learner[$d#L", "latin1"),
      Buffer.from("00ffffffffffffff", "hex"),
    ]),
  ),
  file("catboost-size", "CatBoost with a length beyond the file", () =>
    Buffer.concat([Buffer.from("CBM1"), Buffer.from("ffffff7f", "hex"), Buffer.alloc(16)]),
  ),
  file("r-promise", "CVE-2024-27322: a promise", () =>
    rds(int32(5), rSymbol("system"), int32(6), rSymbol("system"), int32(2, 16, 1), rText("id"), R_NULL),
  ),
  file("r-call", "a call of system", () =>
    rds(int32(6), rSymbol("system"), int32(2), int32(16, 1), rText("id"), R_NULL),
  ),
  file("r-call-gzip", "the same as saveRDS writes it", () => gzipSync(rds(int32(6), rSymbol("eval"), R_NULL))),
  file("r-closure", "a function", () => rds(int32(3), R_NULL, R_NULL, int32(6), rSymbol("print"), R_NULL)),
  file("r-workspace", "a promise in a workspace", () =>
    Buffer.concat([Buffer.from("RDX3\n"), rds(int32(1026), rSymbol("x"), int32(5), rSymbol("y"), R_NULL, R_NULL)]),
  ),
];

const fixture = (name: string, technique: string): CorpusFile =>
  file(name, technique, () => readFileSync(new URL(`benign/${name}`, import.meta.url)));

/** Graphs as their own writers write them; see benign/make-graphs.py. */
export const benignGraphs: readonly CorpusFile[] = [
  fixture("torch-export.onnx", "PyTorch 2.13's exporter"),
  fixture("scikit-learn.onnx", "ONNX 1.22's helper: trees in ai.onnx.ml"),
  fixture("masked.onnx", "ONNX 1.22's helper: a mask of padding by Equal and Where"),
  file("saved-model", "a SavedModel with what saves and restores it", () =>
    savedModel(
      tfNode("Placeholder", "x"),
      tfNode("MatMul"),
      tfNode("SaveV2", "save/SaveV2"),
      tfNode("RestoreV2", "save/RestoreV2"),
      tfNode("NoOp"),
    ),
  ),
  file("tflite", "TFLite with a usual operator", () => tflite("TFLite_Detection_PostProcess")),
  file("core-ml", "a neural network of Core ML", () =>
    writeMessage([
      [1, 4],
      [2, [[100, "d"]]],
      [
        500,
        [
          [
            1,
            [
              [1, "dense"],
              [140, [[1, 3]]],
            ],
          ],
        ],
      ],
    ]),
  ),
  file("pmml", "PMML as exporters write it", () =>
    Buffer.from(
      '<?xml version="1.0" encoding="UTF-8"?>\n<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/><DataDictionary/></PMML>\n',
    ),
  ),
  file("xgboost", "XGBoost as JSON", () =>
    Buffer.from(
      JSON.stringify({
        learner: { attributes: {}, feature_names: ["a"], objective: { name: "binary:logistic" } },
        version: [3, 0, 0],
      }),
    ),
  ),
  file("lightgbm", "LightGBM as text", () =>
    Buffer.from("tree\nversion=v4\nnum_class=1\nfeature_names=a b\n\nTree=0\nnum_leaves=2\n\nend of trees\n"),
  ),
  file("r-vector", "saveRDS of a vector of numbers", () =>
    gzipSync(rds(int32(14, 2), Buffer.from("3ff00000000000004000000000000000", "hex"))),
  ),
];
