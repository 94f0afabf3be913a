import type { Rule } from "./rule.ts";

/** Where in a file something was found. */
export interface Place {
  /** Path within the file: "archive/data.pkl"; absent for the file itself. */
  readonly entry?: string;
  /** In bytes, from the beginning of the entry. */
  readonly offset?: number;
  /** What stands there, in the terms of the format: an opcode, a node, a layer, a key. */
  readonly part?: string;
}

/** One thing that was found in a file. */
export interface Finding {
  readonly rule: Rule;
  readonly place: Place;
  /** What was found, in words, with the foreign text that shows it: "calls os.system('id')". */
  readonly evidence: string;
}
