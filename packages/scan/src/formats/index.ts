import type { Format } from "../format.ts";
import { media } from "./inert/media.ts";
import { json } from "./json/json.ts";
import { text } from "./text/text.ts";

/** Formats that a file is known by on its own. A file that has several is scanned as each of them, and is a polyglot. */
export const formats: readonly Format[] = [media];

/** What a file that has none of the formats above can be: the first that fits. */
export const textFormats: readonly Format[] = [json, text];
