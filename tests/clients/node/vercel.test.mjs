// The image models of the Vercel AI SDK, unchanged, against a served router.
// Wants ORIGIN, KEY, MODULES (a folder with node_modules) and PICTURES (a.png, mask.png).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";

const { ORIGIN, KEY, MODULES, PICTURES } = process.env;
const load = createRequire(path.join(MODULES, "x.js"));
const { generateImage, experimental_generateImage, APICallError } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createOpenAICompatible } = load("@ai-sdk/openai-compatible");
const generate = generateImage ?? experimental_generateImage;

const MODEL = "test/test";
const kits = {
  openai: createOpenAI({ baseURL: `${ORIGIN}/v1`, apiKey: KEY }),
  "openai-compatible": createOpenAICompatible({ name: "routercore", baseURL: `${ORIGIN}/v1`, apiKey: KEY }),
};
const picture = (name) => new Uint8Array(readFileSync(path.join(PICTURES, name)));
const isPng = (image) => Buffer.from(image.uint8Array).subarray(1, 4).toString() === "PNG";

for (const [name, kit] of Object.entries(kits)) {
  const model = (id = MODEL) => kit.imageModel(id);

  test(`${name} generates`, async () => {
    const { images, warnings } = await generate({ model: model(), prompt: "a lighthouse", size: "256x256", maxRetries: 0 });
    assert.deepEqual([true], images.map(isPng));
    assert.equal("image/png", images[0].mediaType);
    assert.deepEqual([], warnings);
  });

  test(`${name} generates several`, async () => {
    const { images } = await generate({ model: model(), prompt: "x", size: "256x256", n: 3, maxRetries: 0 });
    assert.equal(3, images.length);
  });

  test(`${name} passes settings of its own`, async () => {
    const options = { quality: "high" };
    const { images } = await generate({
      model: model(), prompt: "x", size: "256x256", maxRetries: 0,
      providerOptions: { openai: options, routercore: { ...options, user: "jo" } },
    });
    assert.equal(1, images.length);
  });

  test(`${name} edits with a mask`, async () => {
    const { images } = await generate({
      model: model(), maxRetries: 0,
      prompt: { text: "a red roof", images: [picture("a.png")], mask: picture("mask.png") },
    });
    assert.deepEqual([true], images.map(isPng));
  });

  test(`${name} edits several images`, async () => {
    const { images } = await generate({
      model: model(), maxRetries: 0,
      prompt: { text: "both", images: [picture("a.png"), picture("a.png")] },
    });
    assert.equal(1, images.length);
  });

  test(`${name} tells errors`, async () => {
    const failed = await generate({ model: model("nobody/nothing"), prompt: "x", maxRetries: 0 }).catch((error) => error);
    assert.ok(APICallError.isInstance(failed), String(failed));
    assert.equal(404, failed.statusCode);
    assert.match(failed.message, /nobody/);
    assert.equal(false, failed.isRetryable);
    const refused = await generate({ model: model("test/refusing"), prompt: "x", maxRetries: 0 }).catch((error) => error);
    assert.equal(400, refused.statusCode);
  });

  test(`${name} can be called off`, async () => {
    const patience = AbortSignal.timeout(50);
    await assert.rejects(generate({
      model: model(), prompt: "x", abortSignal: patience, maxRetries: 0,
      providerOptions: { openai: { provider_options: { test: { latency: 5 } } }, routercore: { provider_options: { test: { latency: 5 } } } },
    }));
  });
}
