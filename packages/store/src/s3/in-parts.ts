import { type Bucket, unreachable } from "./bucket.ts";
import { textOf } from "./elements.ts";

/** An upload of which nothing is there unless all of it is: `send` gives the tag of each part that arrived. */
export async function inParts(
  bucket: Bucket,
  key: string,
  send: (upload: string) => AsyncIterable<string>,
): Promise<void> {
  const upload = textOf(await bucket.text("POST", key, { query: { uploads: "" } }), "UploadId");
  if (upload === undefined) throw unreachable(`an upload of ${key} began without a name`);
  try {
    let parts = "";
    let number = 0;
    for await (const tag of send(upload))
      parts += `<Part><PartNumber>${++number}</PartNumber><ETag>${tag.replaceAll('"', "&quot;")}</ETag></Part>`;
    const body = `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`;
    await bucket.text("POST", key, {
      query: { uploadId: upload },
      headers: { "content-type": "application/xml" },
      body,
    });
  } catch (error) {
    // what cannot be thrown away now is left to the bucket's own rule for uploads that were never completed
    await bucket.ask("DELETE", key, { query: { uploadId: upload }, allowed: [404] }).catch(() => undefined);
    throw error;
  }
}
