/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One value within a document: its key, "" in a list, and where it is: "config.layers[2].module". */
export interface JsonNode {
  readonly key: string;
  readonly path: string;
  readonly value: unknown;
}

const LONGEST_PATH = 200;

/** Every value within a value of JSON, itself first, in the order of the document and however deep it lies. */
export function* nodesIn(root: unknown): Generator<JsonNode> {
  const left: JsonNode[] = [{ key: "", path: "", value: root }];
  for (let node = left.pop(); node; node = left.pop()) {
    yield node;
    const { path, value } = node;
    if (typeof value !== "object" || value === null) continue;
    const keys = Object.keys(value);
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index]!;
      const inner: unknown = Reflect.get(value, key);
      if (Array.isArray(value)) left.push({ key: "", path: shortened(`${path}[${key}]`), value: inner });
      else left.push({ key, path: shortened(path === "" ? key : `${path}.${key}`), value: inner });
    }
  }
}

/** Every object within a value of JSON, with its path. */
export function* objectsIn(
  root: unknown,
): Generator<{ readonly path: string; readonly value: Readonly<Record<string, unknown>> }> {
  for (const { path, value } of nodesIn(root)) if (isRecord(value)) yield { path, value };
}

/** Paths as deep as the document would fill the memory. */
function shortened(path: string): string {
  return path.length > LONGEST_PATH ? `…${path.slice(50 - LONGEST_PATH)}` : path;
}
