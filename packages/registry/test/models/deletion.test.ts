import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createDatabase } from "../../../store/test/homes.ts";
import { createModel, createVersion, localPrincipal, moveVersion, type Registry } from "../../src/index.ts";
import { openTestServer, sha256Of, type TestServer } from "../open-server.ts";

let server: TestServer;
let round = 0;
const principal = localPrincipal();

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    await createModel(server.registry, principal, { name: "digits" });
  });

  afterAll(async () => {
    await server.close();
  });

  let file: { readonly path: string; readonly sha256: string; readonly size: number };

  beforeEach(async () => {
    const content = Buffer.from(`weights ${round++}`);
    file = { path: "model.bin", sha256: sha256Of(content), size: content.length };
    await server.registry.store.blobs.put("default-development", [content] as never);
  });

  const create = (registry: Registry) => createVersion(registry, principal, "digits", { files: [file] });
  const remove = (registry: Registry, version: number) =>
    moveVersion(registry, principal, {
      model: "digits",
      version,
      to: "deleted",
      action: "version:delete",
      reason: "a test",
    });
  const content = () => server.registry.store.blobs.stat("default-development", file.sha256);

  test("the content of a version goes with it, unless another version has it", async () => {
    const [first, second] = [await create(server.registry), await create(server.registry)];
    await remove(server.registry, first.version);
    expect(await content()).toBeDefined();
    await remove(server.registry, second.version);
    expect(await content()).toBeUndefined();
  });

  test("a version is refused whose content is deleted while it is made", async () => {
    const { registry } = server;
    const { version } = await create(registry);
    let isLooked = false;
    const blobs = {
      ...registry.store.blobs,
      stat: async (prefix: string, sha256: string) => {
        const found = await registry.store.blobs.stat(prefix, sha256);
        if (!isLooked) {
          isLooked = true; // just after it was seen to be there
          await remove(registry, version);
        }
        return found;
      },
    };
    await expect(create({ ...registry, store: { ...registry.store, blobs } })).rejects.toThrow(
      `upload ${file.sha256} first`,
    );
  });

  test("content stays that another version gets before it is removed", async () => {
    const { registry } = server;
    const { version } = await create(registry);
    let writes = 0;
    const write: typeof registry.store.write = async (work) => {
      if (++writes === 2) await create(registry); // between the deletion and the removal
      return await registry.store.write(work);
    };
    await remove({ ...registry, store: { ...registry.store, write } }, version);
    expect(writes).toBe(2);
    expect(await content()).toBeDefined();
  });
});
