import type { JsonFormat } from "../../format.ts";
import { hubConfig } from "../hub/hub-config.ts";
import { kerasConfig } from "../hub/keras-config.ts";
import { notebook } from "../hub/notebook.ts";
import { skops } from "../hub/skops.ts";
import { settingsJson } from "../text/settings.ts";
import { xgboostJson } from "../trees/boosted-trees.ts";

/** What a JSON document can be; it is scanned as all that fit. */
export const jsonFormats: readonly JsonFormat[] = [hubConfig, kerasConfig, notebook, settingsJson, skops, xgboostJson];
