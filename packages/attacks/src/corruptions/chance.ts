import { type Draw, fillIntegers, fillNormal, fillUniform } from "@casemate/tensor";

/** The random numbers of one corruption of one sample; each call draws others, the same each time. */
export class Chance {
  readonly #draw: (purpose: number) => Draw;
  #calls = 0;

  constructor(draw: (purpose: number) => Draw) {
    this.#draw = draw;
  }

  normal(count: number): Float32Array {
    return fillNormal(new Float32Array(count), this.#next());
  }

  uniform(count: number, low = 0, high = 1): Float32Array {
    return fillUniform(new Float32Array(count), this.#next(), low, high);
  }

  /** Whole numbers from 0 up to, and without, `below`. */
  integers(count: number, below: number): Int32Array {
    return fillIntegers(new Int32Array(count), this.#next(), below);
  }

  #next(): Draw {
    return this.#draw(this.#calls++);
  }
}
