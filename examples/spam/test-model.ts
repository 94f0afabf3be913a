import { join } from "node:path";
import { readNpz, writeNpz } from "@casemate/data";
import { openSession, readModel, writeModel } from "@casemate/onnx";
import { clopperPearson } from "@casemate/statistics";
import type { Tensor } from "@casemate/tensor";
import { cutBehindEmbedding, embedded } from "./embedding.ts";

/** Says how many test messages the model in the folder named first recognises, and writes the part of it that can be attacked. */
const folder = process.argv[2]!;

const model = await readModel(join(folder, "spam.onnx"));
const sets = await readNpz(join(folder, "spam-test.npz"));
const [tokens, y] = [sets.get("x") as Tensor<"int32">, sets.get("y") as Tensor<"uint8">];
const session = await openSession(model);
const input = { dtype: "int64", shape: tokens.shape, data: BigInt64Array.from(tokens.data, BigInt) } as const;
const { logits } = await session.run({ input }).finally(() => session.dispose());
const scores = logits!.data as Float32Array;
const right = y.data.filter((label, i) => scores[2 * i + label]! > scores[2 * i + 1 - label]!).length;
const { lower, upper } = clopperPearson(right, y.data.length, 0.95);
const percent = (share: number) => (100 * share).toFixed(1);
console.log(
  `${right} of ${y.data.length} test messages are recognised: ${percent(right / y.data.length)} % [${percent(lower)}, ${percent(upper)}]`,
);

const { table, rest } = cutBehindEmbedding(model);
await writeModel(rest, join(folder, "spam-embedded.onnx"));
await writeNpz(join(folder, "spam-embedded-test.npz"), { x: embedded(tokens, table), y });
