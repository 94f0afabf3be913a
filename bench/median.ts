/** The middle of the numbers: what a repeated measurement shows with the least noise. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
