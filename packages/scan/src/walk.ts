import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { ScanError } from "./errors.ts";
import type { Finding } from "./finding.ts";
import { rulesOf } from "./rule.ts";

/** What there is to scan below a path. */
export type Item =
  | { readonly type: "file"; readonly path: string; readonly bytes: number }
  /** All files of a folder, as one thing; names with forward slashes. */
  | { readonly type: "folder"; readonly path: string; readonly names: readonly string[] }
  /** Nothing that can be opened, such as a link out of the folder. */
  | { readonly type: "finding"; readonly path: string; readonly finding: Finding };

export const folderRules = rulesOf("folder", {
  "link-out": {
    title: "Symbolic link out of the folder",
    severity: "high",
    effect: "What reads or writes it touches a file elsewhere on the machine.",
  },
  "special-file": {
    title: "Neither file, folder nor link",
    severity: "medium",
    effect: "Opening a pipe or a device can block or act on the machine.",
  },
  unreadable: {
    title: "Folder that cannot be listed",
    severity: "unscannable",
    effect: "Nothing is known of what lies in it.",
  },
});

/** Everything to scan at a path: a file, or a folder with all below it. Links are not followed. Throws UNREADABLE if the path itself is not there. */
export function walk(path: string): readonly Item[] {
  const stats = statsOf(path);
  if (stats.isFile()) {
    const alone: Item = { type: "folder", path: dirname(path), names: [basename(path)] }; // a manifest goes by its name
    return [{ type: "file", path, bytes: stats.size }, alone];
  }
  if (!stats.isDirectory()) throw new ScanError("UNREADABLE", `cannot scan ${path}: expected a file or a folder`);
  const items: Item[] = [];
  descend(path, path, items);
  const names = items.flatMap((item) => (item.type === "file" ? [relative(path, item.path).split(sep).join("/")] : []));
  return [...items, { type: "folder", path, names }];
}

function statsOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw new ScanError("UNREADABLE", `cannot scan ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

function descend(root: string, folder: string, items: Item[]): void {
  for (const name of namesIn(folder, items)) {
    const path = join(folder, name);
    const stats = lstatSync(path);
    if (stats.isDirectory()) descend(root, path, items);
    else if (stats.isFile()) items.push({ type: "file", path, bytes: stats.size });
    else if (!stats.isSymbolicLink()) items.push(found(path, "special-file", "it is a pipe, a socket or a device"));
    else if (leaves(root, path)) items.push(found(path, "link-out", `leads to ${targetOf(path)}`));
  }
}

function namesIn(folder: string, items: Item[]): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    items.push(found(folder, "unreadable", error instanceof Error ? error.message : String(error)));
    return [];
  }
}

function found(path: string, rule: keyof typeof folderRules, evidence: string): Item {
  return { type: "finding", path, finding: { rule: folderRules[rule], place: {}, evidence } };
}

function leaves(root: string, link: string): boolean {
  const target = targetOf(link);
  return target === undefined || !`${target}${sep}`.startsWith(`${realpathSync(root)}${sep}`);
}

function targetOf(link: string): string | undefined {
  try {
    return realpathSync(link);
  } catch {
    return undefined; // it leads nowhere, today
  }
}
