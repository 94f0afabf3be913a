// Opens a store and adds to its one counter: so many times, or until it is killed. After each acknowledged addition prints what was
// added: the counter's value, and the digest of a blob of that value.
import { openStore } from "@casemate/store";

const [location, times = "Infinity"] = process.argv.slice(2);
const statement = "create table counters (name text primary key, value bigint not null)";
const begin = "insert into counters (name, value) values ('a', 0)";
const store = await openStore(JSON.parse(location), [
  { name: "0001-counters", sql: { sqlite: [statement, begin], postgres: [statement, begin] } },
]);
async function* contentOf(value) {
  yield Buffer.from(`${value}\n`.repeat(10_000));
}
for (let time = 0; time < Number(times); time++) {
  const value = await store.write(async (rows) => {
    const before = await rows.selectFrom("counters").selectAll().where("name", "=", "a").executeTakeFirstOrThrow();
    await rows
      .updateTable("counters")
      .set({ value: before.value + 1 })
      .where("name", "=", "a")
      .execute();
    await rows
      .insertInto("counters")
      .values({ name: `b${before.value + 1}`, value: before.value + 1 })
      .execute();
    return before.value + 1;
  });
  const { sha256 } = await store.blobs.put("test", contentOf(value));
  console.log(`${value} ${sha256}`);
}
await store.close();
