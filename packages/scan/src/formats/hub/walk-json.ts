const DEEPEST = 500;

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Calls `visit` for every key of every object, with its value and its path; what is nested deeper than 500 is left out. */
export function walkJson(value: unknown, visit: (key: string, value: unknown, path: string) => void): void {
  const waiting: { readonly value: unknown; readonly path: string; readonly depth: number }[] = [
    { value, path: "", depth: 0 },
  ];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.depth > DEEPEST || typeof next.value !== "object" || next.value === null) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      const path = next.path === "" ? key : `${next.path}.${key}`;
      if (!Array.isArray(next.value)) visit(key, inner, path);
      if (typeof inner === "object")
        waiting.push({ value: inner, path: path.length > 300 ? next.path : path, depth: next.depth + 1 });
    }
  }
}
