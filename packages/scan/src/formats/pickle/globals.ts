import type { Rule } from "../../rule.ts";
import { isAllowed } from "./allowed/index.ts";
import { dangerOf } from "./dangerous.ts";
import { pickleRules } from "./rules.ts";

/** What a pickle imports. */
export interface Global {
  readonly module: string;
  readonly name: string;
  /** "os.system". */
  readonly full: string;
  /** What importing and calling it break; undefined if it is known to be harmless. */
  readonly whenImported: Rule | undefined;
  readonly whenCalled: Rule | undefined;
}

/** Python 2's names for what has moved since (CPython, Lib/_compat_pickle.py): which one is meant depends on the protocol, which may lie. */
const RENAMED: Readonly<Record<string, string>> = {
  __builtin__: "builtins",
  copy_reg: "copyreg",
  Queue: "queue",
  SocketServer: "socketserver",
  ConfigParser: "configparser",
  repr: "reprlib",
  tkFileDialog: "tkinter.filedialog",
  whichdb: "dbm",
  anydbm: "dbm",
  commands: "subprocess",
  UserDict: "collections",
  UserList: "collections",
};

/** Judges an import by its exact names. */
export function globalOf(writtenModule: string, name: string): Global {
  const module = RENAMED[writtenModule] ?? writtenModule;
  const full = `${module}.${name}`;
  if (isAllowed(module, name) || isTorchScript(module))
    return { module, name, full, whenImported: undefined, whenCalled: undefined };
  const danger = dangerOf(module, name);
  if (danger && danger !== pickleRules.trampoline && danger !== pickleRules["network-or-file"]) {
    const whenImported = danger === pickleRules["dangerous-call"] ? pickleRules["dangerous-import"] : danger;
    return { module, name, full, whenImported, whenCalled: danger };
  }
  if (/[.\s]|__\w+__/.test(name)) {
    const rule = pickleRules["attribute-path"];
    return { module, name, full, whenImported: rule, whenCalled: rule };
  }
  if (danger) return { module, name, full, whenImported: danger, whenCalled: danger };
  return { module, name, full, whenImported: pickleRules["unknown-import"], whenCalled: pickleRules["unknown-call"] };
}

/** Types that a TorchScript archive defines itself: Python has no such module to import. */
function isTorchScript(module: string): boolean {
  return module === "__torch__" || module.startsWith("__torch__.");
}
