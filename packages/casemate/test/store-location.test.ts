import { expect, test } from "vitest";
import { storeLocation } from "../src/commands/store-location.ts";

const keys = { AWS_REGION: "eu-central-1", AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
const CASEMATE_POSTGRES = "postgres://db/casemate";

test.each([
  [{}, { folder: "r" }],
  [{ CASEMATE_POSTGRES }, { postgres: CASEMATE_POSTGRES, blobs: { folder: "r/blobs" } }],
  [
    { CASEMATE_POSTGRES, CASEMATE_S3: "http://127.0.0.1:9000/bucket/a/b/", ...keys, AWS_SESSION_TOKEN: "token" },
    {
      postgres: CASEMATE_POSTGRES,
      blobs: {
        s3: {
          endpoint: "http://127.0.0.1:9000",
          bucket: "bucket",
          folder: "a/b",
          region: "eu-central-1",
          accessKeyId: "id",
          secretAccessKey: "secret",
          sessionToken: "token",
        },
      },
    },
  ],
])("the environment %j is a place", (environment, location) => {
  expect(storeLocation("r", environment)).toEqual(location);
});

test.each([
  [{ CASEMATE_S3: "https://s3.example.com/bucket", ...keys }, "expected CASEMATE_POSTGRES beside it"],
  [{ CASEMATE_POSTGRES, CASEMATE_S3: "https://s3.example.com/bucket" }, "AWS_REGION: expected it"],
  [{ CASEMATE_POSTGRES, CASEMATE_S3: "https://s3.example.com", ...keys }, "CASEMATE_S3: expected an address"],
  [{ CASEMATE_POSTGRES, CASEMATE_S3: "bucket", ...keys }, "CASEMATE_S3: expected an address"],
  [{ CASEMATE_POSTGRES, CASEMATE_S3: "https://id:secret@s3.example.com/bucket", ...keys }, /^CASEMATE_S3: [^@]*$/],
])("the environment %j is refused", (environment, message) => {
  expect(() => storeLocation("r", environment)).toThrow(message);
});
