import { ScanError } from "../../../errors.ts";
import type { Source } from "../../../sources/source.ts";
import { bunzip2 } from "./bunzip2.ts";
import { inflate } from "./inflate.ts";
import { unxz } from "./unxz.ts";
import { unzstd } from "./unzstd.ts";

/** How the data of a zip entry is unpacked (APPNOTE 4.4.5). Throws UNSUPPORTED. */
export function decoderOfZipMethod(method: number, packed: Source): AsyncIterable<Uint8Array> {
  switch (method) {
    case 8:
      return inflate(packed, "raw");
    case 12:
      return bunzip2(packed);
    case 20:
    case 93:
      return unzstd(packed);
    case 95:
      return unxz(packed);
    default:
      throw new ScanError("UNSUPPORTED", `'${packed.entry}': packed by method ${method}`);
  }
}
