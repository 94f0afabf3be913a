import { differentiate, type LossSubgraph, type Model, openSession, type Session } from "@casemate/onnx";
import type { AnyTensor } from "@casemate/tensor";
import { median } from "./median.ts";
import { classes, noise, resnet18, transformer } from "./networks.ts";

/**
 * Prints what one loss-and-gradient run costs as a multiple of the model's own forward run, measured in turns in one process:
 * ResNet-18 in CIFAR shape at batch 32 and a transformer encoder, with random weights.
 */
const repetitions = Number(process.argv[2] ?? 15);

const crossEntropy: LossSubgraph = (graph, logits) => {
  const labels = graph.input("labels", "int64", ["batch"]);
  const chosen = graph.Mul(graph.LogSoftmax(logits, 1), graph.OneHot(labels, classes, logits));
  return graph.Neg(graph.ReduceSum(chosen, [1], 0));
};

for (const { name, model, x, limit } of [
  { name: "ResNet-18, width 16, batch 32", model: resnet18(16), x: noise([32, 3, 32, 32]), limit: 3 },
  { name: "ResNet-18, width 64, batch 32", model: resnet18(64), x: noise([32, 3, 32, 32]), limit: 2.2 },
  { name: "transformer, 4 layers, 256 wide, 64 long, batch 8", model: transformer(), x: noise([8, 64, 256]), limit: 3 },
]) {
  const { forward, backward } = await timed(model, x);
  const ratio = (backward / forward).toFixed(2);
  console.log(
    `${name}: forward ${forward.toFixed(1)} ms, loss and gradient ${backward.toFixed(1)} ms, ratio ${ratio} (at most ${limit})`,
  );
}

async function timed(model: Model, x: AnyTensor): Promise<{ forward: number; backward: number }> {
  const labels: AnyTensor = {
    dtype: "int64",
    shape: [x.shape[0]!],
    data: BigInt64Array.from({ length: x.shape[0]! }, (_, index) => BigInt(index % classes)),
  };
  const sessions: Session[] = [
    await openSession(model),
    await openSession(await differentiate(model, { loss: crossEntropy, wrt: ["x"], sample: { x } })),
  ];
  const times: number[][] = [[], []];
  for (let repetition = 0; repetition < repetitions + 3; repetition++) {
    for (const [index, session] of sessions.entries()) {
      const start = performance.now();
      await session.run(index === 0 ? { x } : { x, labels });
      if (repetition >= 3) {
        times[index]!.push(performance.now() - start);
      }
    }
  }
  await Promise.all(sessions.map((session) => session.dispose()));
  return { forward: median(times[0]!), backward: median(times[1]!) };
}
