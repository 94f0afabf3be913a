import { dangerOf } from "../pickle/dangerous.ts";

/** Whether a dotted Python name such as "os.system" stands on a list of what runs code or reaches files or the network, by any split of its parts. */
export function isDangerousName(dotted: string): boolean {
  const parts = dotted.trim().split(".").slice(0, 32);
  for (let end = parts.length - 1; end > 0; end--) {
    const rule = dangerOf(parts.slice(0, end).join("."), parts.slice(end).join("."));
    if (rule) return true;
  }
  return parts.length === 1 && dangerOf(parts[0]!, "") !== undefined;
}

/** Whether a name lies within one of some packages: "torch.nn.Linear" in "torch.nn". */
export function isWithinPackages(dotted: string, packages: readonly string[]): boolean {
  return packages.some((each) => dotted === each || dotted.startsWith(`${each}.`));
}
