/** How a message shows a value that came from a file: short, and without asking a hostile object how it wants to be printed. */
export function excerpt(value: unknown): string {
  if (value === undefined || value === "") return "nothing";
  if (typeof value === "string") return `'${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}'`;
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

const LONGEST = 40;
