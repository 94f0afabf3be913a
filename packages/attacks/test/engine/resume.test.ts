import { describe, expect, test } from "vitest";
import {
  type AttackResult,
  apgdCe,
  apgdT,
  autoAttack,
  type Checkpoint,
  fab,
  type GradientClassifier,
  type RunOptions,
  run,
  square,
  type ThreatCurve,
} from "../../src/index.ts";
import { mlp, samplesFor } from "../classifiers.ts";

const stages = [apgdCe({ steps: 4, restarts: 2 }), fab({ steps: 3 }), apgdT({ steps: 3 }), square({ queries: 15 })];
const assembly = { ...autoAttack(), stages };
const curve: ThreatCurve = { norm: "linf", epsilons: [0.004, 0.01, 0.03] };
const model = mlp([1, 6, 6], 8, 4, 3);
const [x, labels] = await samplesFor(model, 12, 3);
const attacked = (options: RunOptions) => run(model, x, labels, curve, { seed: 7, batchSize: 5, ...options });

/** What must not depend on whether a run was ended in between; passes do, where a part of an attempt is repeated. */
function verdictsOf({ samples, curve, isComplete }: AttackResult): unknown {
  return { curve, isComplete, samples: samples.map(({ forward: _, backward: __, ...verdict }) => verdict) };
}

describe.each([
  ["an assembly", { attack: assembly }],
  ["an attack with restarts inside the ball", { attack: apgdCe({ steps: 6, restarts: 3 }) }],
  ["an attack that looks for the nearest", { attack: fab({ steps: 5, restarts: 2 }), activeSet: false }],
] as const)("%s", (_, options) => {
  test("ends with the same verdicts when it is ended by its budget and resumed, however often", async () => {
    const whole = await attacked(options);
    expect(new Set(whole.samples.map(({ status }) => status)).size).toBeGreaterThan(1);
    for (const queries of [50, 300, 700]) {
      let saved: string | undefined;
      let result: AttackResult | undefined;
      for (let turn = 0; turn < 60 && !result?.isComplete; turn++) {
        const resume: Checkpoint | undefined = saved === undefined ? undefined : JSON.parse(saved);
        result = await attacked({
          ...options,
          budget: { queries: queries * (turn + 1) },
          ...(resume && { resume }),
          onCheckpoint: (checkpoint) => {
            saved = JSON.stringify(checkpoint);
          },
        });
      }
      expect(verdictsOf(result!)).toEqual(verdictsOf(whole));
    }
  });

  test("ends with the same verdicts when it is aborted and resumed", async () => {
    const whole = await attacked(options);
    const controller = new AbortController();
    let saved: Checkpoint | undefined;
    let steps = 0;
    const aborted = attacked({
      ...options,
      signal: controller.signal,
      onProgress: () => {
        if (++steps === 12) controller.abort();
      },
      onCheckpoint: (checkpoint) => {
        saved = checkpoint;
      },
    });
    await expect(aborted).rejects.toThrow();
    expect(verdictsOf(await attacked({ ...options, resume: saved! }))).toEqual(verdictsOf(whole));
  });
});

test("what is decided is not attacked again, and a run that ends by itself leaves no checkpoint", async () => {
  const saved: Checkpoint[] = [];
  const onCheckpoint = (checkpoint: Checkpoint) => saved.push(checkpoint);
  const whole = await attacked({ attack: assembly });
  await attacked({ attack: assembly, budget: { queries: whole.queries.forward - 100 }, onCheckpoint });
  const rest = await attacked({ attack: assembly, resume: saved[0]!, onCheckpoint });
  expect(rest.queries.forward).toBeLessThan(0.4 * whole.queries.forward);
  expect(saved).toHaveLength(1);
});

test("a model that fails for good leaves a checkpoint too", async () => {
  let calls = 0;
  const mortal: GradientClassifier = {
    ...model,
    logits: (batch) => (++calls > 8 ? Promise.reject(new DOMException("gone", "AbortError")) : model.logits(batch)),
  };
  const saved: Checkpoint[] = [];
  const controller = new AbortController();
  const options: RunOptions = {
    attack: assembly,
    signal: controller.signal,
    onProgress: () => calls > 8 && controller.abort(),
    onCheckpoint: (checkpoint) => saved.push(checkpoint),
  };
  await expect(run(mortal, x, labels, curve, options)).rejects.toThrow();
  expect(saved[0]!.samples).toHaveLength(12);
});

test.each([
  ["another attack", { attack: square({ queries: 15 }) }, /expected a checkpoint of \{"attack":"Square"/],
  ["another seed", { attack: assembly, seed: 8 }, /expected a checkpoint of .*"seed":8/],
  ["other samples", { attack: assembly, indices: labels.map((_, i) => i + 1) }, /expected sample 1 with label/],
] as const)("a checkpoint of %s is refused", async (_, options, message) => {
  const saved: Checkpoint[] = [];
  const onCheckpoint = (checkpoint: Checkpoint) => saved.push(checkpoint);
  await attacked({ attack: assembly, budget: { queries: 40 }, onCheckpoint });
  await expect(attacked({ ...options, resume: saved[0]! })).rejects.toThrow(message);
});
