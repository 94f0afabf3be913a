/** What a file or folder is made of, for its bill of materials. */
export type InventoryItem =
  | {
      readonly type: "package";
      readonly ecosystem: "PyPI" | "npm" | "conda";
      readonly name: string;
      readonly version?: string;
      readonly hashes: readonly string[];
    }
  /** What a model says of itself, in its README and its configuration. */
  | {
      readonly type: "model-card";
      readonly name: string;
      readonly task?: string;
      readonly architectureFamily?: string;
      readonly architecture?: string;
      readonly licence?: string;
      readonly datasets: readonly string[];
      readonly baseModels: readonly string[];
    };
