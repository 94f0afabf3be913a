import { type Classifier, completed } from "@casemate/attacks";
import { fillNormal, fillUniform, type Tensor, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { ablatorFor } from "../../src/ablation/ablation.ts";
import { type Ablation, certifyPatches, type PatchCertificate } from "../../src/index.ts";

const side = 4;
const classes = 3;
const unit = { lower: 0, upper: 1 };

/** Logits that are random sums of the pixels and of their neighbours' products, so that patches do turn them. */
function model(seed: number, gain = 3): Classifier {
  const pixels = side * side;
  const w = fillNormal(new Float32Array(2 * classes * pixels), { seed, stream: 1, sample: 0, step: 0 });
  return {
    inputShape: [1, side, side],
    classes,
    bounds: unit,
    async logits({ shape, data }) {
      const scores = tensor([shape[0]!, classes]);
      for (let i = 0; i < scores.data.length; i++) {
        const [row, k] = [Math.floor(i / classes), i % classes];
        let sum = k === 0 ? 2 : 0; // a class that views without a say fall to, so that some certificates reach far
        for (let j = 0; j < pixels; j++) {
          const [own, next] = [data[row * pixels + j]! - 0.5, data[row * pixels + ((j + 1) % pixels)]! - 0.5];
          sum += w[k * pixels + j]! * own + w[(classes + k) * pixels + j]! * own * next;
        }
        scores.data[i] = gain * sum;
      }
      return scores;
    },
  };
}

const pictures = (count: number, seed: number) =>
  tensor(
    [count, 1, side, side],
    fillUniform(new Float32Array(count * side * side), { seed, stream: 2, sample: 0, step: 0 }),
  );

const certified = (of: Classifier, x: Tensor, ablation: Ablation, threshold?: number) =>
  completed(certifyPatches(of, x, { ablation, ...(threshold !== undefined && { threshold }) }));

const ablations: readonly Ablation[] = [
  { kind: "column", size: 1 },
  { kind: "column", size: 2 },
  { kind: "row", size: 1 },
  { kind: "block", size: 1 },
  { kind: "block", size: 2 },
];

describe.each(ablations)("$kind of size $size", (ablation) => {
  const shape = { inputShape: [1, side, side], bounds: unit };
  const ablator = ablatorFor("test", ablation, shape);
  const view = (x: Float32Array, position: number) => {
    const target = new Float32Array(x.length);
    ablator.ablate(target, x, 0, position);
    return target;
  };

  test("leaves as many pixels at each place, each pixel as often, and the middle of the range elsewhere", () => {
    const x = Float32Array.from({ length: side * side }, (_, j) => 1 + j);
    const seen = new Array<number>(x.length).fill(0);
    const left = ablation.kind === "block" ? ablation.size ** 2 : ablation.size * side;
    for (let position = 0; position < ablator.positions; position++) {
      const kept = [...view(x, position)].flatMap((value, j) => (value === x[j] ? [j] : []));
      expect(kept).toHaveLength(left);
      expect(view(x, position).filter((value) => value === 0.5)).toHaveLength(side * side - left);
      for (const j of kept) seen[j]!++;
    }
    expect(new Set(seen)).toEqual(new Set([(left * ablator.positions) / x.length]));
  });

  test("a patch reaches no more views than said, and as many somewhere", () => {
    for (const [height, width] of [
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
      [3, 2],
      [4, 4],
    ] as const) {
      // biome-ignore format: a list
      let most = 0;
      for (const { cells } of placesOf(height, width)) {
        const [x, changed] = [new Float32Array(side * side), new Float32Array(side * side)];
        for (const j of cells) changed[j] = 1;
        let views = 0;
        for (let p = 0; p < ablator.positions; p++) views += Number(`${view(x, p)}` !== `${view(changed, p)}`);
        most = Math.max(most, views);
      }
      expect(ablator.reached([height, width])).toBe(most);
    }
  });

  test("no content of a certified patch at any place changes the class", async () => {
    let [withCertificate, without] = [0, 0];
    for (let seed = 0; seed < 6; seed++) {
      const classifier = model(seed);
      const x = pictures(4, seed);
      for (const certificate of await certified(classifier, x, ablation)) {
        if (certificate.patch === 0) without++;
        else withCertificate++;
        const own = x.data.slice(certificate.sample * side * side, (certificate.sample + 1) * side * side);
        for (const content of contentsOf(own, Math.min(certificate.patch, 2))) {
          for (const after of await certified(classifier, content, ablation)) {
            if (certificate.patch > 0) expect(after.class).toBe(certificate.class);
          }
        }
      }
    }
    expect(without + withCertificate).toBe(24);
    if (ablation.size === 1) expect(withCertificate).toBeGreaterThan(0);
  });

  test("no change of the votes that a certified patch reaches changes the class", async () => {
    for (let seed = 0; seed < 6; seed++) {
      const classifier = model(seed);
      const x = pictures(4, seed + 100);
      for (const threshold of [0.2, 0.4, 0.7]) {
        for (const certificate of await certified(classifier, x, ablation, threshold)) {
          const own = x.data.slice(certificate.sample * side * side, (certificate.sample + 1) * side * side);
          const votes = await votesOfViews(classifier, own, threshold);
          expect(certificate.votes).toEqual(summed(votes));
          for (let patch = 1; patch <= certificate.patch; patch++) {
            for (const { cells } of placesOf(patch, patch)) {
              const changed = Float32Array.from(own, (value, j) => (cells.includes(j) ? value + 9 : value));
              const worst = votes.map((each, p) => (`${view(own, p)}` === `${view(changed, p)}` ? each : undefined));
              for (let rival = 0; rival < classes; rival++) {
                const after = worst.map(
                  (each) => each ?? Array.from({ length: classes }, (_, k) => Number(k === rival)),
                );
                expect(winner(summed(after))).toBe(certificate.class);
              }
            }
          }
        }
      }
    }
  });

  /** For each view, 1 for each class that its softmax, computed here, reaches the threshold for. */
  async function votesOfViews(classifier: Classifier, x: Float32Array, threshold: number): Promise<number[][]> {
    const votes: number[][] = [];
    for (let p = 0; p < ablator.positions; p++) {
      const { data } = await classifier.logits(tensor([1, 1, side, side], view(x, p)));
      const sum = [...data].reduce((total, each) => total + Math.exp(each), 0);
      votes.push([...data].map((each) => Number(Math.exp(each) / sum >= threshold)));
    }
    return votes;
  }
});

test("the authors' rule for a band: certified where the lead is twice m + s − 1, one more where the rival is a smaller class", async () => {
  const fixed = (counts: readonly number[]): Classifier => ({
    inputShape: [1, 2, 20],
    classes: 2,
    bounds: unit,
    // views come in order of their position: the first counts[0] are for class 0, the next counts[1] for class 1
    logits: async ({ shape }) =>
      tensor(
        [shape[0]!, 2],
        Float32Array.from({ length: 2 * shape[0]! }, (_, i) => {
          const own = Math.floor(i / 2) < counts[0]! ? 0 : 1;
          return i % 2 === own ? 9 : -9;
        }),
      ),
  });
  const largest = async (counts: readonly number[]) =>
    (await certified(fixed(counts), tensor([1, 1, 2, 20]), { kind: "column", size: 3 }))[0];
  // m + s - 1 views for a patch of m: lead 8 → 4 views → m 2; lead 10 → 5 → m 3; lead 20 → 10 → m 8
  expect(await largest([14, 6])).toMatchObject({ class: 0, votes: [14, 6], tolerated: 4, patch: 2 });
  expect(await largest([15, 5])).toMatchObject({ class: 0, tolerated: 5, patch: 3 });
  expect(await largest([5, 15])).toMatchObject({ class: 1, tolerated: 4, patch: 2 });
  expect(await largest([20, 0])).toMatchObject({ class: 0, tolerated: 10, patch: 8 });
  expect(await largest([10, 10])).toMatchObject({ class: 0, tolerated: 0, patch: 0 });
});

test("certificates depend on neither the batch size nor the samples beside", async () => {
  const x = pictures(3, 9);
  const at = (batchSize: number): Promise<readonly PatchCertificate[]> =>
    completed(certifyPatches(model(1), x, { ablation: { kind: "block", size: 2 }, batchSize }));
  expect(await at(5)).toEqual(await at(1000));
  const alone = await certified(model(1), tensor([1, 1, side, side], x.data.slice(16, 32)), { kind: "block", size: 2 });
  expect(alone).toEqual([{ ...(await at(5))[1], sample: 0 }]);
});

test("channels that stand last are ablated as those that stand first", () => {
  const x = Float32Array.from({ length: 2 * 3 * 5 }, (_, j) => j + 1);
  const first = ablatorFor("test", { kind: "block", size: 2, fill: 0 }, { inputShape: [2, 3, 5], bounds: unit });
  const last = ablatorFor(
    "test",
    { kind: "block", size: 2, fill: 0 },
    { inputShape: [3, 5, 2], bounds: unit, layout: "channels-last" },
  );
  const swapped = (values: Float32Array) =>
    Float32Array.from(values, (_, i) => values[(i % 2) * 15 + Math.floor(i / 2)]!);
  for (let position = 0; position < 15; position++) {
    const [a, b] = [new Float32Array(30), new Float32Array(30)];
    first.ablate(a, x, 0, position);
    last.ablate(b, swapped(x), 0, position);
    expect(b).toEqual(swapped(a));
  }
});

test("views whose scores are not numbers vote for nothing", async () => {
  const broken = {
    ...model(0),
    logits: async ({ shape }: Tensor) => tensor([shape[0]!, 3], new Float32Array(3 * shape[0]!).fill(Number.NaN)),
  };
  const [certificate] = await certified(broken, pictures(1, 0), { kind: "column", size: 1 });
  expect(certificate).toMatchObject({ votes: [0, 0, 0], tolerated: 0, patch: 0 });
});

test.each([
  ["all columns", { ablation: { kind: "column", size: 4 } as const }, "expected a whole size from 1 below 4, got 4"],
  ["half a row", { ablation: { kind: "row", size: 0.5 } as const }, "whole size from 1"],
  ["a fill that is no number", { ablation: { kind: "row", size: 1, fill: Number.NaN } as const }, "a finite fill"],
  ["a threshold of 0", { ablation: { kind: "row", size: 1 } as const, threshold: 0 }, "threshold between 0 and 1"],
  ["no batch", { ablation: { kind: "row", size: 1 } as const, batchSize: 0 }, "whole batchSize from 1"],
])("%s is refused", async (_, options, words) => {
  await expect(completed(certifyPatches(model(0), pictures(1, 0), options))).rejects.toThrow(words);
});

test("samples of another shape are refused", async () => {
  await expect(certified(model(0), tensor([1, 16]), { kind: "row", size: 1 })).rejects.toThrow("[1,4,4], got [16]");
});

/** Every place of a patch, and the pixels that it covers. */
function placesOf(height: number, width: number): { readonly cells: readonly number[] }[] {
  const places = [];
  for (let top = 0; top + height <= side; top++) {
    for (let left = 0; left + width <= side; left++) {
      const cells = Array.from(
        { length: height * width },
        (_, i) => (top + Math.floor(i / width)) * side + left + (i % width),
      );
      places.push({ cells });
    }
  }
  return places;
}

/** The picture with every content of black, grey and white (of black and white, for four pixels) at every place. */
function contentsOf(x: Float32Array, patch: number): Tensor[] {
  if (patch === 0) return [];
  const levels = patch === 1 ? [0, 0.5, 1] : [0, 1];
  return placesOf(patch, patch).map(({ cells }) => {
    const many = levels.length ** cells.length;
    const all = tensor([many, 1, side, side]);
    for (let content = 0; content < many; content++) {
      const own = x.slice();
      for (const [i, j] of cells.entries()) own[j] = levels[Math.floor(content / levels.length ** i) % levels.length]!;
      all.data.set(own, content * x.length);
    }
    return all;
  });
}

const summed = (votes: readonly (readonly number[])[]) =>
  Array.from({ length: classes }, (_, k) => votes.reduce((sum, each) => sum + each[k]!, 0));
const winner = (votes: readonly number[]) => votes.indexOf(Math.max(...votes));
