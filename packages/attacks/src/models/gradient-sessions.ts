import type { Model, Session } from "@casemate/onnx";
import type { Loss } from "./classifier.ts";

/** Weights above this many bytes are not held once per loss. */
const LARGE = 64e6;

/**
 * The compiled graph of each loss, made when it is first asked for. A session has packed copies of the weights of its own, so
 * of a large model only the loss used last stays open.
 */
export class GradientSessions {
  readonly #open: (loss: Loss) => Promise<Session>;
  readonly #isLarge: boolean;
  readonly #sessions = new Map<Loss, Promise<Session>>();

  constructor(model: Model, open: (loss: Loss) => Promise<Session>) {
    this.#isLarge = weightBytes(model) > LARGE;
    this.#open = open;
  }

  async get(loss: Loss): Promise<Session> {
    const known = this.#sessions.get(loss);
    if (known) return known;
    if (this.#isLarge) await this.dispose();
    const opened = this.#open(loss);
    this.#sessions.set(loss, opened);
    return opened;
  }

  async dispose(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const opened of sessions) {
      const session = await opened.catch(() => undefined); // one that never opened holds nothing
      await session?.dispose();
    }
  }
}

function weightBytes({ graph }: Model): number {
  return [...graph.initializers.values()].reduce((sum, { data }) => {
    if (data.type === "strings") return sum;
    return sum + (data.type === "bytes" ? data.bytes.length : data.length);
  }, 0);
}
