import type { JsonFormat } from "../../format.ts";

/** What a JSON document can be; it is scanned as all that fit. */
export const jsonFormats: readonly JsonFormat[] = [];
