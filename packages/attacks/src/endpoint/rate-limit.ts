/** Time as an endpoint's client sees it: an argument, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** A token bucket: so many requests a second on average, and at most one second's worth at once. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #capacity: number;
  #tokens: number;
  #filledAt: number;
  #closedUntil = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#capacity = Math.max(1, perSecond);
    this.#tokens = this.#capacity;
    this.#filledAt = clock.now();
  }

  /** Waits for the turn of one request. A bucket in debt has its tokens promised to requests that wait already. */
  async take(signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const filled = ((now - this.#filledAt) / 1000) * this.#perSecond;
    this.#tokens = this.#perSecond === Infinity ? 1 : Math.min(this.#capacity, this.#tokens + filled) - 1;
    this.#filledAt = now;
    const debt = this.#tokens < 0 ? (-this.#tokens / this.#perSecond) * 1000 : 0;
    const wait = Math.max(debt, this.#closedUntil - now);
    if (wait > 0) await this.#clock.sleep(wait, signal);
  }

  /** Lets nothing through for a while, because the server asked for that. */
  close(milliseconds: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.#clock.now() + milliseconds);
  }
}
