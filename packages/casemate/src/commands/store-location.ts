import { join } from "node:path";
import { RegistryError } from "@casemate/registry";
import type { Location, S3Location } from "@casemate/store";

/** What help says of where a registry's rows and files are kept. */
export const STORE_HELP = `Rows are kept on PostgreSQL where CASEMATE_POSTGRES names a server (postgres://…), else in the folder. Files are then kept in a
bucket where CASEMATE_S3 names one (https://s3.example.com/bucket/folder), by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.`;

/** Where the environment says that a registry's rows and files are: in its folder by default. Throws INVALID. */
export function storeLocation(folder: string, environment: NodeJS.ProcessEnv): Location {
  const { CASEMATE_POSTGRES: postgres, CASEMATE_S3: bucket } = environment;
  if (postgres === undefined && bucket === undefined) return { folder };
  if (postgres === undefined)
    throw new RegistryError(
      "INVALID",
      "CASEMATE_S3: expected CASEMATE_POSTGRES beside it, since rows do not fit a bucket",
    );
  return {
    postgres,
    blobs: bucket === undefined ? { folder: join(folder, "blobs") } : { s3: s3Location(bucket, environment) },
  };
}

function s3Location(address: string, environment: NodeJS.ProcessEnv): S3Location {
  const { AWS_SESSION_TOKEN: sessionToken } = environment;
  const required = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === "")
      throw new RegistryError("INVALID", `${name}: expected it beside CASEMATE_S3`);
    return value;
  };
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const [bucket = "", ...folders] = (url?.pathname ?? "").split("/").filter((name) => name !== "");
  // nothing of the address but its form is told: what stands before an @ would be a password
  if (url === undefined || bucket === "" || url.username !== "" || url.search !== "")
    throw new RegistryError("INVALID", "CASEMATE_S3: expected an address such as https://s3.example.com/bucket/folder");
  return {
    endpoint: url.origin,
    bucket,
    region: required("AWS_REGION"),
    accessKeyId: required("AWS_ACCESS_KEY_ID"),
    secretAccessKey: required("AWS_SECRET_ACCESS_KEY"),
    ...(sessionToken === undefined ? {} : { sessionToken }),
    folder: folders.join("/"),
  };
}
