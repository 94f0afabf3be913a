import { type Tensor, tensor } from "@casemate/tensor";

/** Moves an average of weights towards what they are now: average ← decay · average + (1 − decay) · weights. Takes them as they are where there is no average yet. */
export function moveAverage(average: Map<string, Tensor>, weights: ReadonlyMap<string, Tensor>, decay: number): void {
  for (const [name, { shape, data }] of weights) {
    const old = average.get(name);
    if (!old) {
      average.set(name, tensor(shape, data.slice()));
      continue;
    }
    for (let i = 0; i < data.length; i++) old.data[i] = decay * old.data[i]! + (1 - decay) * data[i]!;
  }
}
