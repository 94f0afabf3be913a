import { benignArchives, maliciousArchives } from "./archives.ts";
import type { CorpusFile } from "./corpus-file.ts";
import { benignGraphs, maliciousGraphs } from "./graphs.ts";
import { benignHubFiles, maliciousHubFiles } from "./hub.ts";
import { benignPickles, maliciousPickles } from "./pickle.ts";

/** Files that would do harm, over every technique that is known to us. */
export const malicious: readonly CorpusFile[] = [
  ...maliciousArchives,
  ...maliciousPickles,
  ...maliciousHubFiles,
  ...maliciousGraphs,
];

/** Files that real writers made, and that do nothing. */
export const benign: readonly CorpusFile[] = [...benignArchives, ...benignPickles, ...benignHubFiles, ...benignGraphs];
