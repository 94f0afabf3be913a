import type { Bucket } from "./bucket.ts";
import { elements, textOf } from "./elements.ts";

/** What the bucket holds, in answers of a thousand keys at most. */
export async function* pages(bucket: Bucket, query: Readonly<Record<string, string>>): AsyncGenerator<string> {
  for (let next: string | undefined = ""; next !== undefined; ) {
    const page: string = await bucket.text("GET", "", {
      query: { "list-type": "2", ...query, ...(next === "" ? {} : { "continuation-token": next }) },
    });
    yield page;
    next = textOf(page, "IsTruncated") === "true" ? textOf(page, "NextContinuationToken") : undefined;
  }
}

const ABANDONED = 24 * 60 * 60 * 1000; // other processes may be writing theirs now

/** Throws away what a crash left in `incoming` a day ago or earlier. */
export async function clearIncoming(bucket: Bucket, prefix: string, now: number): Promise<void> {
  for await (const page of pages(bucket, { prefix }))
    for (const each of elements(page, "Contents")) {
      const key = textOf(each, "Key") ?? "";
      const isOld = Date.parse(textOf(each, "LastModified") ?? "") < now - ABANDONED;
      if (isOld && /^[\w/-]+$/.test(key)) await bucket.ask("DELETE", key, { allowed: [404] });
    }
}
