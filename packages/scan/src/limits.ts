/** What a scan may cost. Where a limit ends it, the file is unscannable, never clean. */
export interface Limits {
  /** Containers within containers. */
  readonly depth: number;
  /** Entries of all containers of one file together. */
  readonly entries: number;
  /** Unpacked bytes for each packed byte of one entry. */
  readonly ratio: number;
  /** Bytes unpacked from one file, in all. */
  readonly unpackedBytes: number;
  /** A text that is parsed at once: JSON, XML, a template. */
  readonly textBytes: number;
  /** Findings reported for one file; the rest is counted. */
  readonly findings: number;
  /** Of one file. */
  readonly seconds: number;
  /** Of the process that parses, in megabytes. */
  readonly memory: number;
  /** Whether every byte is read: for digests, against the checksums of archives, and in the numbers of tensors. */
  readonly checksums: boolean;
}

export const defaultLimits: Limits = {
  depth: 8,
  entries: 200_000,
  ratio: 200,
  unpackedBytes: 64 * 2 ** 30,
  textBytes: 64 * 2 ** 20,
  findings: 200,
  seconds: 600,
  memory: 1024,
  checksums: true,
};
