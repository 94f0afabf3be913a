import type { Feeds, Session } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import type { CertifiedBall } from "./ball.ts";
import type { Rounding } from "./rounding.ts";

/** What a method does with one block of samples. */
export interface BlockBounds {
  readonly blockSize: number;
  margins(x: Tensor, labels: ArrayLike<number>, ball: CertifiedBall): Promise<Tensor>;
  logits(x: Tensor, ball: CertifiedBall): Promise<{ readonly lower: Tensor; readonly upper: Tensor }>;
  dispose(): Promise<void>;
}

export interface BoundSettings {
  readonly norm: "linf" | "l2" | "l1";
  readonly rounding: Rounding;
  readonly threads?: number;
}

/** For each sample the rows z_label - z_other, others in the order of the classes: [n, classes - 1, classes]. */
export function marginRows(labels: ArrayLike<number>, classes: number): Tensor {
  const count = labels.length;
  const data = new Float32Array(count * (classes - 1) * classes);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    for (let other = 0; other < classes; other++) {
      if (other === labels[i]!) continue;
      data[offset + labels[i]!] = 1;
      data[offset + other] = -1;
      offset += classes;
    }
  }
  return tensor([count, classes - 1, classes], data);
}

/** Of the feeds those that a session takes. */
export function fedTo(session: Session, feeds: Feeds): Feeds {
  return Object.fromEntries(session.inputs.flatMap(({ name }) => (feeds[name] ? [[name, feeds[name]]] : [])));
}
