import { DataError } from "./data-error.ts";

/** How a data set is to be read; the README says what holds where nothing is given. */
export interface ReadOptions {
  /** The array (npz) or field (JSON lines) that holds the samples. */
  readonly x?: string;
  /** The array (npz) or field (JSON lines) that holds the labels. */
  readonly y?: string;
  /** For a single .npy file of samples: the .npy file of its labels. */
  readonly labelsFile?: string;
  /** The column of a table that holds the labels. */
  readonly label?: string;
  /** Columns of a table that hold categories, each to become one feature of 0 or 1 per value. */
  readonly oneHot?: readonly string[];
  /** What separates the columns of a CSV file. */
  readonly delimiter?: string;
  /** Whether images become [n, channels, height, width] or [n, height, width, channels]. */
  readonly layout?: "NCHW" | "NHWC";
  /** Brings images to one size, bilinearly (pixel centres at halves, no smoothing beforehand). */
  readonly resize?: { readonly width: number; readonly height: number };
  /** What every number is multiplied by, such as 1 / 255. */
  readonly scale?: number;
  /** How many classes there are: labels must be below. */
  readonly classes?: number;
  /** The most that a file, and the float32 tensor of all samples, may take. */
  readonly maximumBytes?: number;
}

/** 2 GiB less one: the longest file that Node reads at once. */
export const DEFAULT_MAXIMUM_BYTES = 2 ** 31 - 1;

/** Throws INVALID_OPTION for numbers that make no sense. */
export function checkOptions({ scale = 1, classes = 1, maximumBytes = 1, resize }: ReadOptions): void {
  if (!Number.isFinite(scale) || scale === 0) throw invalid("scale", "a finite number other than 0", scale);
  const counts = { classes, maximumBytes, "resize.width": resize?.width ?? 1, "resize.height": resize?.height ?? 1 };
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(name, "a whole number above 0", value);
  }
}

function invalid(name: string, expected: string, got: number): DataError {
  return new DataError("INVALID_OPTION", `option ${name}: expected ${expected}, got ${got}`);
}
