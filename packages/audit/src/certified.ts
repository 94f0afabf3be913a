import { type BoundMethod, SMALLEST_MARGIN, type Verifier } from "@casemate/defenses";
import { takeRows } from "@casemate/tensor";
import type { OpenSubject } from "./subject.ts";

export interface CertificationOptions {
  readonly norm: "linf" | "l2" | "l1";
  readonly epsilon: number;
  /** Tried in order, each on what the ones before left open. */
  readonly methods: readonly BoundMethod[];
  /** Positions in the data set. */
  readonly samples: readonly number[];
  /** When to leave the rest open, in milliseconds of `performance.now()`. */
  readonly deadline?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The method that certified each sample; undefined for one that stays open. */
export type Certificates = readonly (BoundMethod | undefined)[];

/**
 * Which samples keep their class in the whole ball, by sound bounds. Yields how many are decided or tried to the end. Throws a
 * DefenseError UNSUPPORTED_MODEL for a model that cannot be bounded.
 */
export async function* certify(
  subject: OpenSubject,
  { norm, epsilon, methods, samples, deadline = Infinity, signal }: CertificationOptions,
): AsyncGenerator<number, Certificates> {
  const certificates: (BoundMethod | undefined)[] = samples.map(() => undefined);
  const x = subject.contractInputs(samples);
  const ball = subject.ball(epsilon);
  let tried = 0;
  for (const method of methods) {
    const open = [...certificates.keys()].filter((row) => certificates[row] === undefined);
    if (open.length === 0 || performance.now() > deadline) break;
    const verifier = await subject.verifier(method, norm);
    try {
      for (let start = 0; start < open.length && performance.now() <= deadline; start += verifier.blockSize) {
        signal?.throwIfAborted();
        const rows = open.slice(start, start + verifier.blockSize);
        for (const [place, isCertified] of (await certifiedRows(verifier, rows)).entries()) {
          if (isCertified) certificates[rows[place]!] = method;
        }
        tried += rows.length;
        yield tried / (samples.length * methods.length);
      }
    } finally {
      await verifier.dispose();
    }
  }
  return certificates;

  async function certifiedRows(verifier: Verifier, rows: readonly number[]): Promise<boolean[]> {
    const labels = rows.map((row) => subject.labels[samples[row]!]!);
    const { data } = await verifier.margins(takeRows(x, rows), labels, ball);
    const width = verifier.classes - 1;
    return rows.map((_, place) =>
      data.subarray(place * width, (place + 1) * width).every((margin) => margin > SMALLEST_MARGIN),
    );
  }
}
