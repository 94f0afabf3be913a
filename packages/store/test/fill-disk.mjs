// Fills the small disk that a folder is on with rows, then tries a blob, then makes room and goes on; prints what happened as JSON.
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "@casemate/store";

const [folder] = process.argv.slice(2);
const statement = "create table counters (name text primary key, value bigint not null)";
const ballast = join(folder, "ballast");
writeFileSync(ballast, Buffer.alloc(2 ** 20));
const store = await openStore({ folder }, [
  { name: "0001-counters", sql: { sqlite: [statement], postgres: [statement] } },
]);
const insert = (value) =>
  store.write((rows) =>
    rows
      .insertInto("counters")
      .values({ name: `${value}${"x".repeat(50_000)}`, value })
      .execute(),
  );
const count = async () => (await store.rows.selectFrom("counters").select("value").execute()).length;
async function* megabytes(number) {
  for (let index = 0; index < number; index++) yield Buffer.alloc(2 ** 20, index);
}
const codeOf = (work) =>
  work.then(
    () => "done",
    ({ code, message }) => code ?? message,
  );

let acknowledged = 0;
let rows = "done";
for (; rows === "done" && acknowledged < 10_000; acknowledged += rows === "done" ? 1 : 0)
  rows = await codeOf(insert(acknowledged));
const kept = await count();
const blob = await codeOf(store.blobs.put("test", megabytes(8)));
const incoming = readdirSync(join(folder, "blobs", "incoming"));
const listed = [];
for await (const each of store.blobs.list("test")) listed.push(each);
rmSync(ballast);
const after = await codeOf(insert(acknowledged));
console.log(
  JSON.stringify({
    rows,
    isAllKept: kept === acknowledged,
    blob,
    incoming,
    listed,
    after,
    more: (await count()) - kept,
  }),
);
await store.close();
