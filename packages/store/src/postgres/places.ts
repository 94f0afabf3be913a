/** A number of places, taken in the order of asking. */
export interface Places {
  take(): Promise<void>;
  free(): void;
}

export function places(count: number): Places {
  let left = count;
  const waiting: (() => void)[] = [];
  return {
    async take() {
      if (left > 0) left--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    free() {
      const next = waiting.shift();
      if (next === undefined) left++;
      else next();
    },
  };
}
