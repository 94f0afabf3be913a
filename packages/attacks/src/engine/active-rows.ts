type Buffer = Float32Array | Float64Array | Int32Array;

/** One row of numbers per sample under attack, kept dense as samples leave. */
export class Rows<B extends Buffer = Float32Array> {
  readonly width: number;
  readonly #data: B;
  readonly #owner: ActiveRows;
  #view: B;

  constructor(owner: ActiveRows, data: B, width: number) {
    this.#owner = owner;
    this.#data = data;
    this.#view = data;
    this.width = width;
  }

  /** The rows of the samples still under attack, one after another. To be asked for again after samples have left. */
  get values(): B {
    const length = this.#owner.count * this.width;
    if (this.#view.length !== length) this.#view = this.#data.subarray(0, length) as B;
    return this.#view;
  }

  /** One row. */
  row(row: number): B {
    return this.#data.subarray(row * this.width, (row + 1) * this.width) as B;
  }

  /** Copies one row from rows of the same width. */
  copyRow(row: number, from: Rows<B>): void {
    (this.#data as Float32Array).set(from.row(row) as Float32Array, row * this.width);
  }

  /** Moves a row forward to where a sample has left. */
  move(from: number, to: number): void {
    this.#data.copyWithin(to * this.width, from * this.width, (from + 1) * this.width);
  }
}

/** The samples under attack, and every buffer that has a row for each. When samples leave, all close their ranks. */
export class ActiveRows {
  readonly #capacity: number;
  readonly #buffers: Rows<Buffer>[] = [];
  #count: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#count = capacity;
  }

  /** How many samples are still under attack. */
  get count(): number {
    return this.#count;
  }

  floats(width: number): Rows {
    return this.#add(new Rows(this, new Float32Array(this.#capacity * width), width));
  }

  doubles(): Rows<Float64Array> {
    return this.#add(new Rows(this, new Float64Array(this.#capacity), 1));
  }

  integers(): Rows<Int32Array> {
    return this.#add(new Rows(this, new Int32Array(this.#capacity), 1));
  }

  /** Keeps the rows for which `stays` holds, in their order. */
  keep(stays: (row: number) => boolean): void {
    let kept = 0;
    for (let row = 0; row < this.#count; row++) {
      if (!stays(row)) continue;
      if (kept < row) for (const buffer of this.#buffers) buffer.move(row, kept);
      kept++;
    }
    this.#count = kept;
  }

  #add<R extends Rows<Buffer>>(rows: R): R {
    this.#buffers.push(rows);
    return rows;
  }
}
