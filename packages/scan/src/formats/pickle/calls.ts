import { ScanError } from "../../errors.ts";
import type { Rule } from "../../rule.ts";
import { textOf } from "./describe.ts";
import { type Global, globalOf } from "./globals.ts";
import { KIND, type Values } from "./growing.ts";
import type { MachineEvents } from "./machine.ts";
import { pickleRules } from "./rules.ts";
import { Tuples } from "./tuples.ts";
import type { Window } from "./window.ts";

export const LONGEST_NAME = 4096;
/** Instances keep their global's index below this. Above it, harmless ones keep where their first argument stands, others their arguments. */
const GLOBALS_AT_MOST = 65_536;

/** What a pickle imports and calls, and what it would call it with. */
export class Calls {
  /** Imports so far, whether harmless or not. */
  imports = 0;
  readonly tuples = new Tuples();
  readonly #window: Window;
  readonly #events: MachineEvents;
  readonly #globals: Global[] = [];
  readonly #indexOf = new Map<string, number>();

  constructor(window: Window, events: MachineEvents) {
    this.#window = window;
    this.#events = events;
  }

  /** The import that a global or an instance comes from. */
  globalAt(value: number): Global {
    return this.#globals[value % GLOBALS_AT_MOST]!;
  }

  /** The first argument of the harmless call that made an instance, if it was text. */
  firstArgument(instance: number): string | undefined {
    const offset = Math.floor(instance / GLOBALS_AT_MOST) - 1;
    return offset < 0 || this.globalAt(instance).whenCalled ? undefined : this.textAt(KIND.text, offset);
  }

  /** Judges an import; its index. Names that are undefined were no plain text. */
  import(module: string | undefined, name: string | undefined, here: number, opcode: string): number {
    this.imports++;
    const key = `${module ?? "?"}\n${name ?? "?"}`;
    let index = this.#indexOf.get(key);
    const isResolved = module !== undefined && name !== undefined;
    if (!isResolved) {
      this.#report(
        pickleRules["unresolved-global"],
        `imports ${module ?? "(computed)"}.${name ?? "(computed)"}`,
        here,
        opcode,
      );
    }
    if (index === undefined) {
      index = this.#globals.length;
      if (index >= GLOBALS_AT_MOST)
        throw new ScanError("LIMIT_EXCEEDED", `byte ${here}: more than ${GLOBALS_AT_MOST} imports`);
      const rule = pickleRules["unresolved-global"];
      this.#globals.push(
        isResolved
          ? globalOf(module, name)
          : { module: "?", name: "?", full: "(computed)", whenImported: rule, whenCalled: rule },
      );
      this.#indexOf.set(key, index);
    }
    const { whenImported, full } = this.#globals[index]!;
    if (whenImported && isResolved) this.#report(whenImported, `imports ${full}`, here, opcode);
    return index;
  }

  /** Calls a value with others, and pushes what comes of it. */
  call(
    stack: Values,
    kind: number,
    value: number,
    argumentsKind: number,
    argumentsValue: number,
    here: number,
    opcode: string,
  ): void {
    if (kind === KIND.global) {
      const { whenCalled, full } = this.#globals[value]!;
      if (whenCalled) {
        const given = argumentsKind === KIND.tuple ? this.#describe(KIND.tuple, argumentsValue, 0) : "(…)";
        this.#report(
          this.#ruleOfCall(whenCalled, argumentsKind, argumentsValue),
          `calls ${full}${given}`,
          here,
          opcode,
        );
      }
      const kept = whenCalled
        ? this.#argumentsOf(argumentsKind, argumentsValue)
        : this.#firstText(argumentsKind, argumentsValue);
      stack.push(KIND.instance, value + GLOBALS_AT_MOST * (1 + kept));
      return;
    }
    const what = this.#describe(kind, value, 0);
    const given = argumentsKind === KIND.tuple ? this.#describe(KIND.tuple, argumentsValue, 0) : "(…)";
    this.#report(pickleRules["indirect-call"], `calls ${what}${given}`, here, opcode);
    stack.push(KIND.other, 0);
  }

  /** The number of the tuple of arguments; -1 if there is none. */
  #argumentsOf(kind: number, tuple: number): number {
    return kind === KIND.tuple ? tuple : -1;
  }

  /** Where the first argument of a call stands, if it is text; -1 if not. */
  #firstText(kind: number, tuple: number): number {
    return kind === KIND.tuple ? this.tuples.firstText(tuple) : -1;
  }

  /** A trampoline onto something dangerous, or by a name with underscores, runs code itself. */
  #ruleOfCall(rule: Rule, kind: number, tuple: number): Rule {
    if (rule !== pickleRules.trampoline || kind !== KIND.tuple) return rule;
    const isGrave = this.tuples
      .items(tuple)
      .some(
        (item) =>
          (item.kind === KIND.global && this.#globals[item.value]!.whenImported !== undefined) ||
          (item.kind === KIND.text &&
            /__|system|popen|exec|eval|import|spawn/.test(this.textAt(KIND.text, item.value) ?? "")),
      );
    return isGrave ? pickleRules["dangerous-call"] : rule;
  }

  /** Text of a value, read anew from its opcode; undefined if it is none. */
  textAt(kind: number, offset: number): string | undefined {
    return kind === KIND.text || kind === KIND.bytes ? textOf(this.#window, offset, LONGEST_NAME) : undefined;
  }

  /** A value as Python would write it, shortened. */
  #describe(kind: number, value: number, depth: number): string {
    switch (kind) {
      case KIND.text:
        return JSON.stringify(this.textAt(kind, value)?.slice(0, 120));
      case KIND.bytes:
        return `b${JSON.stringify(this.textAt(kind, value)?.slice(0, 60))}`;
      case KIND.integer:
        return String(value);
      case KIND.global:
        return this.#globals[value]!.full;
      case KIND.instance:
        return this.#describeCall(value, depth);
      case KIND.tuple:
        if (depth > 3) return "(…)";
        return `(${this.tuples
          .items(value)
          .slice(0, 8)
          .map((item) => this.#describe(item.kind, item.value, depth + 1))
          .join(", ")})`;
      default:
        return "…";
    }
  }

  /** An earlier call with what it was given, as far as that is kept. */
  #describeCall(value: number, depth: number): string {
    const { full, whenCalled } = this.globalAt(value);
    const tuple = Math.floor(value / GLOBALS_AT_MOST) - 1;
    if (!whenCalled || tuple < 0 || depth > 3) return `${full}(…)`;
    return `${full}${this.#describe(KIND.tuple, tuple, depth + 1)}`;
  }

  #report(rule: Rule, evidence: string, offset: number, opcode: string): void {
    this.#events.report(rule, evidence, offset, opcode);
  }
}
