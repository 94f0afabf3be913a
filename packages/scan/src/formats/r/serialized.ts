import { ScanError } from "../../errors.ts";
import type { Format, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { viewOf } from "../../sources/little-endian.ts";
import type { Source } from "../../sources/source.ts";

const RUNS_CODE = { atlas: ["AML.T0010", "AML.T0011"] };

const rules = rulesOf("r", {
  promise: {
    ...RUNS_CODE,
    title: "Promise that is not yet evaluated",
    severity: "critical",
    effect: "Using the object runs an expression of its author's choice (CVE-2024-27322).",
  },
  "dangerous-call": {
    ...RUNS_CODE,
    title: "Expression that runs programs or code",
    severity: "critical",
    effect: "Evaluating what is loaded runs it.",
  },
  closure: {
    ...RUNS_CODE,
    title: "Function",
    severity: "high",
    effect: "A program that calls what it loads runs it.",
  },
  bytecode: {
    ...RUNS_CODE,
    title: "Compiled code",
    severity: "high",
    effect: "A program that calls what it loads runs it, and nobody has seen what it does.",
  },
});

const TYPE = {
  symbol: 1,
  list: 2,
  closure: 3,
  environment: 4,
  promise: 5,
  call: 6,
  special: 7,
  builtin: 8,
  text: 9,
  logical: 10,
  integer: 13,
  real: 14,
  complex: 15,
  strings: 16,
  dots: 17,
  values: 19,
  expression: 20,
  bytecode: 21,
  pointer: 22,
  weak: 23,
  raw: 24,
  s4: 25,
} as const;
const REFERENCE = 255;
const PACKAGE = 250;
const NAMESPACE = 249;
const PERSISTENT = 247;
const ALTERNATIVE = 238;
/** Values that are only a type: NULL, the global and base environments, missing and unbound values. */
const SINGLE = new Set([254, 253, 252, 251, 248, 242, 241, 246, 0]);
const DANGEROUS =
  /^(system2?|shell(\.exec)?|eval|evalq|parse|source|sys\.source|do\.call|dyn\.load|library\.dynam|socketConnection|url|download\.file|file\.remove|unlink|writeLines|Sys\.setenv|\.Call|\.External|pipe|install\.packages)$/;
const DEEPEST = 5_000;
/** Versions 2 and 3, alone or in a workspace. */
const BEGINNINGS = [2, 3].flatMap((version) =>
  ["", "RDX2\n", "RDX3\n"].map((magic) => `${magic}X\n\0\0\0${String.fromCharCode(version)}`),
);

/** R's serialized objects (R Internals, 1.8) in the portable form: .rds, and .rda behind its "RDX". gzip around them is another format. */
export const rSerialized: Format = {
  id: "r",
  title: "R object",
  rules,
  detect(head) {
    const start = Buffer.from(head.subarray(0, 16)).toString("latin1");
    return BEGINNINGS.some((beginning) => start.startsWith(beginning));
  },
  scan: (source, context) => new Walk(source, context).run(),
};

class Walk {
  readonly #source: Source;
  readonly #context: ScanContext;
  #at = 0;

  constructor(source: Source, context: ScanContext) {
    this.#source = source;
    this.#context = context;
  }

  run(): void {
    if (this.#source.read(0, 1)[0] === 0x52) this.#at = 5;
    this.#at += 2;
    const version = this.#int();
    this.#at += 8;
    if (version === 3) this.#skip(this.#int());
    this.#item(0);
  }

  #int(): number {
    const value = viewOf(this.#source, this.#at, 4).getInt32(0);
    this.#at += 4;
    return value;
  }

  #length(): number {
    const length = this.#int();
    if (length >= 0) return length;
    if (length !== -1) throw new ScanError("MALFORMED", `byte ${this.#at}: a length of ${length}`);
    return this.#int() * 2 ** 32 + (this.#int() >>> 0);
  }

  #skip(bytes: number): void {
    if (!(bytes >= 0) || this.#at + bytes > this.#source.size) {
      throw new ScanError("MALFORMED", `byte ${this.#at}: ${bytes} bytes go beyond the end`);
    }
    this.#at += bytes;
  }

  /** Steps over one value; the name if it is a symbol. */
  #item(depth: number): string | undefined {
    if (depth > DEEPEST) throw new ScanError("LIMIT_EXCEEDED", `nested more than ${DEEPEST} deep`);
    const here = this.#at;
    const flags = this.#int();
    const type = flags & 255;
    const hasAttributes = (flags & 0x200) !== 0;
    const hasTag = (flags & 0x400) !== 0;
    if (SINGLE.has(type)) return undefined;
    switch (type) {
      case REFERENCE:
        if (flags >> 8 === 0) this.#int();
        return undefined;
      case TYPE.symbol:
        return this.#string();
      case TYPE.text:
        this.#at = here;
        this.#string();
        return undefined;
      case TYPE.list:
      case TYPE.call:
      case TYPE.closure:
      case TYPE.promise:
      case TYPE.dots:
        return this.#pairs(type, hasAttributes, hasTag, here, depth);
      case TYPE.environment:
        this.#int();
        for (let part = 0; part < 4; part++) this.#item(depth + 1);
        return undefined;
      case TYPE.special:
      case TYPE.builtin: {
        const name = this.#text(this.#int());
        if (DANGEROUS.test(name)) this.#report("dangerous-call", name, here);
        return undefined;
      }
      case TYPE.logical:
      case TYPE.integer:
        this.#skip(this.#length() * 4);
        break;
      case TYPE.real:
        this.#skip(this.#length() * 8);
        break;
      case TYPE.complex:
        this.#skip(this.#length() * 16);
        break;
      case TYPE.raw:
        this.#skip(this.#length());
        break;
      case TYPE.strings: {
        const count = this.#length();
        for (let each = 0; each < count; each++) this.#string();
        break;
      }
      case TYPE.values:
      case TYPE.expression: {
        const count = this.#length();
        for (let each = 0; each < count; each++) this.#item(depth + 1);
        break;
      }
      case TYPE.pointer:
        this.#item(depth + 1);
        this.#item(depth + 1);
        break;
      case TYPE.weak:
      case TYPE.s4:
        break;
      case PACKAGE:
      case NAMESPACE:
      case PERSISTENT: {
        this.#int();
        const count = this.#int();
        for (let each = 0; each < count; each++) this.#string();
        return undefined;
      }
      case ALTERNATIVE:
        for (let part = 0; part < 3; part++) this.#item(depth + 1);
        return undefined;
      case TYPE.bytecode:
        this.#report("bytecode", "a compiled function or expression", here);
        throw new ScanError("UNSUPPORTED", `byte ${here}: compiled code of R`);
      default:
        throw new ScanError("MALFORMED", `byte ${here}: a value of the type ${type}`);
    }
    if (hasAttributes) this.#item(depth + 1);
    return undefined;
  }

  /** A chain of pairs, as long as it is, without a call for each. */
  #pairs(type: number, hasAttributes: boolean, hasTag: boolean, here: number, depth: number): undefined {
    let kind = type;
    let attributes = hasAttributes;
    let tag = hasTag;
    for (let first = true; ; first = false) {
      if (kind === TYPE.promise)
        this.#report("promise", "an expression that is evaluated when the object is used", here);
      if (kind === TYPE.closure) this.#report("closure", "a function", here);
      if (attributes) this.#item(depth + 1);
      if (tag) this.#item(depth + 1);
      const name = this.#item(depth + 1);
      if (first && type === TYPE.call && name !== undefined && DANGEROUS.test(name))
        this.#report("dangerous-call", `calls ${name}`, here);
      const flags = viewOf(this.#source, this.#at, 4).getInt32(0);
      kind = flags & 255;
      if (kind !== TYPE.list && kind !== TYPE.call && kind !== TYPE.dots) break;
      this.#at += 4;
      attributes = (flags & 0x200) !== 0;
      tag = (flags & 0x400) !== 0;
    }
    this.#item(depth + 1);
    return undefined;
  }

  #string(): string {
    const flags = this.#int();
    if ((flags & 255) !== TYPE.text) {
      if ((flags & 255) === REFERENCE) return "";
      throw new ScanError("MALFORMED", `byte ${this.#at}: expected a text`);
    }
    const length = this.#int();
    return length < 0 ? "" : this.#text(length);
  }

  #text(length: number): string {
    const start = this.#at;
    this.#skip(length);
    return Buffer.from(this.#source.read(start, Math.min(length, 1024))).toString("utf8");
  }

  #report(rule: keyof typeof rules, evidence: string, offset: number): void {
    this.#context.report(rules[rule], evidence, { offset });
  }
}
