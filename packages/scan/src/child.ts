import { join } from "node:path";
import type { Bundle } from "./format.ts";
import { general } from "./general-rules.ts";
import type { ToChild, ToParent } from "./parent/messages.ts";
import { scanBundle, scanSource } from "./scan-source.ts";
import { digestOf } from "./sources/digest.ts";
import { openFile } from "./sources/file-source.ts";
import type { Source } from "./sources/source.ts";

// The process that parses. It knows its parent only, and may be ended at any moment.

process.on("SIGINT", () => {}); // a terminal sends Ctrl-C to both; what becomes of it is the parent's to decide
process.on("disconnect", () => process.exit(1));
process.on("message", (request: ToChild) => void scan(request));

async function scan(request: ToChild): Promise<void> {
  try {
    await send(request.names === undefined ? await scanFile(request) : await scanFolder(request, request.names));
  } catch (error) {
    const evidence = error instanceof Error ? error.message : String(error);
    const findings = [{ rule: general.unreadable, place: {}, evidence }];
    await send({ type: "scanned", formats: [], findings, inventory: [] });
  }
}

async function scanFile({ path, limits, scratch, dependencies }: ToChild): Promise<ToParent> {
  const file = openFile(path);
  try {
    if (limits.checksums) await send({ type: "hashed", sha256: digestOf(file) });
    return { type: "scanned", ...(await scanSource(file, limits, scratch, dependencies)) };
  } finally {
    file.close();
  }
}

async function scanFolder(
  { path, limits, scratch, dependencies }: ToChild,
  names: readonly string[],
): Promise<ToParent> {
  const members = new Set(names);
  const open: { close(): void }[] = [];
  const bundle: Bundle = {
    entry: "",
    names,
    async open(name): Promise<Source | undefined> {
      if (!members.has(name)) return undefined;
      const file = openFile(join(path, name), name);
      open.push(file);
      return file;
    },
  };
  try {
    return { type: "scanned", formats: ["folder"], ...(await scanBundle(bundle, limits, scratch, dependencies)) };
  } finally {
    for (const file of open) file.close();
  }
}

function send(message: ToParent): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
