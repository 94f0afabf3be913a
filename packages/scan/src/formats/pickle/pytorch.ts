import type { Bundle, BundleFormat, ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";
import { readText } from "../../sources/read-text.ts";

const rules = rulesOf("pytorch", {
  torchscript: {
    title: "Carries TorchScript code",
    severity: "low",
    effect: "Loading it with torch.jit.load runs it in the interpreter of TorchScript, which has no access to Python.",
  },
  "script-calls": {
    title: "TorchScript that calls operators on files or the system",
    severity: "high",
    effect: "The code reads or writes files, or runs operators of a library that the program has loaded.",
    atlas: ["AML.T0010", "AML.T0011"],
  },
});

const PICKLE = /^(.*\/)?data\.pkl$/;

/** A PyTorch archive of 1.6 and later: data.pkl, the storages in data/, and for TorchScript the code. Its pickle is scanned as one. */
export const pytorch: BundleFormat = {
  id: "pytorch",
  title: "PyTorch archive",
  rules,
  detect: (names) => names.some((name) => PICKLE.test(name)),
  holdsNumbers: (name) => /(^|\/)(data|constants|tensors)\/\d+$/.test(name),
  async scan(bundle, context) {
    const code = bundle.names.filter((name) => /(^|\/)code\/.*\.py$/.test(name));
    if (code.length > 0) context.report(rules.torchscript, `${code.length} files of code`);
    for (const name of code) await checkScript(bundle, name, context);
  },
};

/** Operators of TorchScript that leave the tensors: files, and libraries that a program loads. */
const OUTSIDE =
  /\b(?:(?:aten::|ops\.aten\.|torch\.)(?:save|load|from_file|_load)\b|ops\.(?!aten\.|prim\.|quantized\.|torch\w*\.)[a-z_]+\.\w+|os\.\w+|subprocess\b)/;

async function checkScript(bundle: Bundle, name: string, context: ScanContext): Promise<void> {
  const source = await bundle.open(name);
  if (!source) return;
  const [found] = OUTSIDE.exec(readText(source, context.limits)) ?? [];
  if (found !== undefined) context.report(rules["script-calls"], `uses ${found}`, { entry: name });
}
