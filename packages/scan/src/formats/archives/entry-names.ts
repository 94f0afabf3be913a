import type { Place } from "../../finding.ts";
import type { ScanContext } from "../../format.ts";
import { rulesOf } from "../../rule.ts";

export const entryNameRules = rulesOf("archive", {
  traversal: {
    title: "Entry that leaves the folder",
    severity: "critical",
    effect: "Extracting the archive writes a file elsewhere on the machine.",
  },
  "link-out": {
    title: "Link out of the archive",
    severity: "critical",
    effect: "Extracting the archive makes a link through which later entries, or readers, leave the folder.",
  },
  "control-characters": {
    title: "Control characters in a name",
    severity: "medium",
    effect: "The name that people see is not the name that is used.",
  },
  device: {
    title: "Device or pipe",
    severity: "high",
    effect: "Extracting it makes something that acts on the machine or blocks its readers.",
  },
});

/** Reports what the name of an entry would do when it is extracted. */
export function checkName(name: string, context: ScanContext, place: Place): void {
  if (leavesFolder(name)) context.report(entryNameRules.traversal, `an entry named '${name}'`, place);
  if (/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u.test(name)) {
    context.report(entryNameRules["control-characters"], `an entry named ${JSON.stringify(name)}`, place);
  }
}

/** Reports a link whose target leaves the archive. */
export function checkLink(name: string, target: string, context: ScanContext, place: Place): void {
  const folder = name.split(/[\\/]/).slice(0, -1).join("/");
  if (leavesFolder(target) && leavesFolder(`${folder}/${target}`)) {
    context.report(entryNameRules["link-out"], `'${name}' leads to '${target}'`, place);
  } else if (isAbsolute(target)) {
    context.report(entryNameRules["link-out"], `'${name}' leads to '${target}'`, place);
  }
}

function isAbsolute(path: string): boolean {
  return /^([\\/]|[A-Za-z]:)/.test(path);
}

/** Whether a path, its parts taken in turn, is absolute or ever stands above where it began. */
function leavesFolder(path: string): boolean {
  if (isAbsolute(path)) return true;
  let depth = 0;
  for (const part of path.split(/[\\/]/)) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}
