/** A file of the corpus, built when it is needed. What is malicious is never executed, and would only do something harmless. */
export interface CorpusFile {
  /** Unique within the corpus. */
  readonly name: string;
  /** What it shows, or hides: a technique, or the writer and its version. */
  readonly technique: string;
  bytes(): Uint8Array;
}
