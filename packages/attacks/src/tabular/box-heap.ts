/** Hands out what was put in, the least bound first; of equal ones the latest. */
export class BoxHeap<E extends { readonly bound: number }> {
  readonly #entries: { readonly entry: E; readonly order: number }[] = [];
  #count = 0;

  peek(): E | undefined {
    return this.#entries[0]?.entry;
  }

  push(entry: E): void {
    const entries = this.#entries;
    entries.push({ entry, order: this.#count++ });
    for (let i = entries.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  pop(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    entries[0] = last;
    for (let i = 0; ; ) {
      let first = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < entries.length && this.#isBefore(child, first)) first = child;
      }
      if (first === i) return;
      this.#swap(i, first);
      i = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#entries[a]!, this.#entries[b]!];
    return (
      first.entry.bound < second.entry.bound || (first.entry.bound === second.entry.bound && first.order > second.order)
    );
  }

  #swap(a: number, b: number): void {
    const entries = this.#entries;
    [entries[a], entries[b]] = [entries[b]!, entries[a]!];
  }
}
