export { DataError, type DataErrorCode } from "./data-error.ts";
export { type Dataset, type Range, subset } from "./dataset.ts";
export { readNpz, writeNpz } from "./npz.ts";
export type { ReadOptions } from "./options.ts";
export { readDataset } from "./read-dataset.ts";
