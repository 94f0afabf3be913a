import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase } from "../../store/test/homes.ts";
import { backUpRegistry, openRegistry, restoreRegistry } from "../src/index.ts";
import { ask, openTestServer, sha256Of } from "./open-server.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "casemate-backup-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test.each(["embedded", "postgres"] as const)(
  "a backup of a serving registry, %s, restores to the other home, with its log and keys",
  async (home) => {
    const locationIn = async (place: string, kind: typeof home) =>
      kind === "embedded"
        ? { folder: place }
        : { postgres: await createDatabase(), blobs: { folder: join(place, "blobs") } };
    const database = await createDatabase();
    const server = await openTestServer(home === "embedded" ? undefined : database);
    const token = await server.account("ada", "contributor");
    const content = Buffer.from("weights \u0000 \u20ac");
    await ask(server.url, token, "POST", "/api/v1/models", { name: "digits", description: 'quotes " and \n lines' });
    await ask(server.url, token, "PUT", `/api/v1/models/digits/blobs/${sha256Of(content)}`, content);
    await ask(server.url, token, "POST", "/api/v1/models/digits/versions", {
      files: [{ path: "model.bin", sha256: sha256Of(content), size: content.length }],
    });
    await server.server.admissions.settled();
    await server.registry.log.settled();
    const [target, restored] = [join(folder, `${home}-backup`), join(folder, `${home}-restored`)];
    const source =
      home === "embedded"
        ? { folder: server.folder }
        : { postgres: database, blobs: { folder: join(server.folder, "blobs") } };
    const { blobs } = await backUpRegistry(server.folder, target, source);
    expect(blobs.map(({ sha256 }) => sha256)).toContain(sha256Of(content));
    const { vkey } = server.registry.log.entries;
    const events = await server.registry.store.rows.selectFrom("events").selectAll().orderBy("sequence").execute();
    await server.close();

    const location = await locationIn(restored, home === "embedded" ? "postgres" : "embedded");
    await restoreRegistry(target, restored, location);
    const again = await openRegistry({ folder: restored, store: location, failed: () => undefined });
    await again.log.settled();
    expect(again.log.entries.vkey).toBe(vkey);
    expect(again.log.entries.size).toBe(events.length);
    expect(await again.store.rows.selectFrom("events").selectAll().orderBy("sequence").execute()).toEqual(events);
    expect(
      (await again.store.rows.selectFrom("models").select("description").executeTakeFirstOrThrow()).description,
    ).toBe('quotes " and \n lines');
    const blob = await again.store.blobs.get("default-development", sha256Of(content));
    expect(Buffer.concat(await blob.toArray())).toEqual(content);
    await again.close();

    await expect(backUpRegistry(restored, target, location)).rejects.toThrow("expected a folder that is empty");
    await appendFile(join(target, "rows", "models.jsonl"), "{}\n");
    const third = join(folder, `${home}-third`);
    await expect(restoreRegistry(target, third)).rejects.toThrow(
      "the rows of models are not the ones that were backed up",
    );
  },
);
