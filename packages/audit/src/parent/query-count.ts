import type { AuditEvent } from "../events.ts";

/** How many queries an audit has made; those of resumed checks were made by an earlier run. */
export class QueryCount {
  #finished = 0;
  #running = 0;

  /** The count after an event. */
  after(event: AuditEvent): number {
    if (event.type === "progress") this.#running = event.queries;
    if (event.type === "check-finished") {
      const { forward, backward } = event.result.queries;
      this.#running = 0;
      this.#finished += event.resumed ? 0 : forward + backward;
    }
    return this.#finished + this.#running;
  }
}
