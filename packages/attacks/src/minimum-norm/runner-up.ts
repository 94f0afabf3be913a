/** The class with the largest logit but for the label. */
export function runnerUp(logits: Float32Array, label: number): number {
  let best = label === 0 ? 1 : 0;
  for (let k = 0; k < logits.length; k++) if (k !== label && logits[k]! > logits[best]!) best = k;
  return best;
}
