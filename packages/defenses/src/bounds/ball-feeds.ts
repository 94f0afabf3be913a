import type { Feeds } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { boxAround, type CertifiedBall } from "./ball.ts";
import { ballInputs } from "./bound-graph.ts";
import type { Rounding } from "./rounding.ts";

/** What a graph of bounds is fed with for the balls around samples. */
export function ballFeeds(x: Tensor, ball: CertifiedBall, rounding: Rounding): Feeds {
  const { lower, upper } = boxAround(x, ball, rounding);
  const box = { [ballInputs.lower]: lower, [ballInputs.upper]: upper };
  if (ball.norm === "linf") return box;
  const radius = Number(ball.epsilon) * (rounding === "outward" ? 1 + 2e-5 : 1);
  return { ...box, [ballInputs.point]: x, [ballInputs.epsilon]: tensor([], Float32Array.of(radius)) };
}
