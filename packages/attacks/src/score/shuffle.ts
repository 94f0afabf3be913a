import { type Draw, fillWords } from "@casemate/tensor";

/** The numbers in random order; only the first `count` of them if that is given (Fisher and Yates). */
export function shuffled(numbers: Int32Array, draw: Draw, count = numbers.length): Int32Array {
  const order = numbers.slice();
  const most = Math.min(count, order.length);
  const words = fillWords(new Uint32Array(most), draw);
  for (let i = 0; i < most; i++) {
    const j = i + Math.floor((words[i]! / 2 ** 32) * (order.length - i));
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order.subarray(0, most);
}
