/** One operation on a register, with the moments between which it took effect. */
export interface Operation {
  readonly type: "write" | "read";
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Why a history of a register is not linearizable, or undefined. Every value is written once, so that zones decide it (Gibbons and Korach,
 * Testing Shared Memories, SIAM J. Comput. 26, 1997, theorem 4.3): of each value, from the first end of an operation to the last start
 * of one. Forward zones must not overlap, and no backward zone may lie within a forward one.
 */
export function violationOf(history: readonly Operation[], initial: number): string | undefined {
  const byValue = new Map<number, Operation[]>([[initial, [{ type: "write", value: initial, start: -2, end: -1 }]]]);
  for (const operation of history) byValue.set(operation.value, [...(byValue.get(operation.value) ?? []), operation]);
  const zones: { value: number; low: number; high: number; isForward: boolean }[] = [];
  for (const [value, operations] of byValue) {
    const writes = operations.filter(({ type }) => type === "write");
    if (writes.length !== 1) return `${value} was written ${writes.length} times`;
    const early = operations.find(({ type, end }) => type === "read" && end < writes[0]!.start);
    if (early !== undefined) return `${value} was read before it was written`;
    const firstEnd = Math.min(...operations.map(({ end }) => end));
    const lastStart = Math.max(...operations.map(({ start }) => start));
    zones.push({
      value,
      low: Math.min(firstEnd, lastStart),
      high: Math.max(firstEnd, lastStart),
      isForward: firstEnd < lastStart,
    });
  }
  const forward = zones.filter(({ isForward }) => isForward).sort((a, b) => a.low - b.low);
  for (const [index, zone] of forward.entries()) {
    const next = forward[index + 1];
    if (next !== undefined && next.low < zone.high)
      return `${zone.value} and ${next.value} were each current while the other was`;
    const inside = zones.find(({ isForward, low, high }) => !isForward && low > zone.low && high < zone.high);
    if (inside !== undefined) return `${inside.value} was written and overwritten while ${zone.value} was current`;
  }
  return undefined;
}
