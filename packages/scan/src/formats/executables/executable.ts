import type { Format } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import type { Source } from "../../sources/source.ts";

const rules = rulesOf("executable", {
  native: {
    title: "Machine code",
    severity: "high",
    effect: "A program or a shared object that runs when it is started or loaded, as a plugin or a custom operator is.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  script: {
    title: "Script that names its interpreter",
    severity: "medium",
    effect: "It runs as a program when it is started by its name.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
  bytecode: {
    title: "Compiled code of a virtual machine",
    severity: "high",
    effect: "It runs when a virtual machine loads it, and says nothing to a reader.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
});

/** Programs by their first bytes: ELF, PE, Mach-O, scripts, Java, WebAssembly, Dalvik, Python's compiled files. */
export const executable: Format = {
  id: "executable",
  title: "Executable",
  rules,
  detect: (head, source) => kindOf(head, source) !== undefined,
  scan(source, context) {
    const kind = kindOf(source.read(0, 4096), source);
    if (kind) context.report(rules[kind.rule], kind.name);
  },
};

interface Kind {
  readonly rule: keyof typeof rules;
  readonly name: string;
}

function kindOf(head: Uint8Array, source: Source): Kind | undefined {
  if (head.length < 8) return undefined;
  const magic = Buffer.from(head.subarray(0, 4)).toString("hex");
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (magic === "7f454c46") return { rule: "native", name: "an ELF file" };
  if (magic.startsWith("4d5a") && isPortableExecutable(source)) return { rule: "native", name: "a PE file" };
  if (["feedface", "feedfacf", "cefaedfe", "cffaedfe"].includes(magic))
    return { rule: "native", name: "a Mach-O file" };
  if (magic === "cafebabe") {
    // a universal Mach-O has a handful of architectures where a Java class has its version, 45 at least
    return view.getUint32(4) < 20
      ? { rule: "native", name: "a universal Mach-O file" }
      : { rule: "bytecode", name: "a Java class" };
  }
  if (magic === "0061736d" && view.getUint32(4, true) < 0x20000)
    return { rule: "bytecode", name: "a WebAssembly module" };
  if (magic === "6465780a") return { rule: "bytecode", name: "a Dalvik executable" };
  if (isCompiledPython(view)) return { rule: "bytecode", name: "a compiled Python module" };
  return scriptKind(head);
}

function isPortableExecutable(source: Source): boolean {
  const start = Buffer.from(source.read(0x3c, 4));
  if (start.length < 4) return false;
  return Buffer.from(source.read(start.readUInt32LE(0), 4)).toString("latin1") === "PE\0\0";
}

/** Python 3's: a version between 3000 and 3700, "\r\n", flags of at most two bits (PEP 552). */
function isCompiledPython(view: DataView): boolean {
  const version = view.getUint16(0, true);
  return version >= 3000 && version < 3800 && view.getUint16(2, true) === 0x0a0d && view.getUint32(4, true) < 4;
}

function scriptKind(head: Uint8Array): Kind | undefined {
  if (head[0] !== 0x23 || head[1] !== 0x21) return undefined;
  const line = Buffer.from(head.subarray(0, 200)).toString("latin1").split("\n", 1)[0]!;
  return line.startsWith("#!/") || line.startsWith("#! /")
    ? { rule: "script", name: `begins with ${line}` }
    : undefined;
}
