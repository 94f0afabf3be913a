import { dependencies } from "../../dependencies/dependencies.ts";
import type { BundleFormat } from "../../format.ts";
import { hubFolder } from "../hub/hub-folder.ts";
import { pytorch } from "../pickle/pytorch.ts";
import { ociLayout } from "./oci-layout.ts";

/** What members of an archive or a folder can be together; they are scanned as all that fit. */
export const bundleFormats: readonly BundleFormat[] = [dependencies, hubFolder, ociLayout, pytorch];
