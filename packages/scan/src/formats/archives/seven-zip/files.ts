import { ScanError } from "../../../errors.ts";
import type { HeaderReader } from "./header-reader.ts";
import { readStreams, type Streams } from "./streams.ts";

const ID = { end: 0, archiveProperties: 2, additional: 3, main: 4, files: 5, emptyStream: 14, names: 17 };

/** The streams of a header, and the names of the files in them, in order; empty files and folders are left out. */
export function readNames(reader: HeaderReader): { readonly streams: Streams; readonly names: readonly string[] } {
  let streams: Streams = { packOffset: 0, packedBytes: [], folders: [] };
  let names: readonly string[] = [];
  for (;;) {
    const id = reader.number();
    if (id === ID.end) return { streams, names };
    if (id === ID.main) streams = readStreams(reader);
    else if (id === ID.files) names = readFiles(reader);
    else
      throw new ScanError(
        id === ID.archiveProperties || id === ID.additional ? "UNSUPPORTED" : "MALFORMED",
        `7z: a part ${id} of the header`,
      );
  }
}

function readFiles(reader: HeaderReader): readonly string[] {
  const count = reader.count();
  let names: string[] = [];
  let isEmpty: boolean[] = [];
  for (;;) {
    const id = reader.number();
    if (id === ID.end) return names.filter((_, index) => !isEmpty[index]);
    const size = reader.number();
    if (id === ID.emptyStream) isEmpty = reader.bits(count);
    else if (id === ID.names) {
      if (reader.byte() !== 0) throw new ScanError("UNSUPPORTED", "7z: names that stand elsewhere");
      names = Array.from({ length: count }, () => reader.name());
    } else reader.take(size);
  }
}
