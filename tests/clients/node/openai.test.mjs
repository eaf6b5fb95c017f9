// The official Node SDK, unchanged, against a served router.
// Wants ORIGIN, KEY, HURRIED, MODULES (a folder with node_modules) and PICTURES (a.png, mask.png).

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";

const { ORIGIN, KEY, HURRIED, MODULES, PICTURES } = process.env;
const { default: OpenAI, toFile } = createRequire(path.join(MODULES, "x.js"))("openai");
const MODEL = "test/test";
const client = new OpenAI({ baseURL: `${ORIGIN}/v1`, apiKey: KEY, maxRetries: 0 });
const file = (name) => toFile(createReadStream(path.join(PICTURES, name)), name, { type: "image/png" });
const isPng = (b64) => Buffer.from(b64, "base64").subarray(1, 4).toString() === "PNG";

test("generates, in both forms", async () => {
  const result = await client.images.generate({ model: MODEL, prompt: "a lighthouse", size: "256x256", n: 2 });
  assert.equal(2, result.data.length);
  assert.ok(result.data.every((item) => isPng(item.b64_json)));
  const downloaded = await fetch(result.data[0].url);
  assert.equal("image/png", downloaded.headers.get("content-type"));
  assert.equal("test", result.provider);
  assert.match(result._request_id, /^req_/);
});

test("edits with a mask", async () => {
  const result = await client.images.edit({
    model: MODEL, prompt: "a red roof", image: await file("a.png"), mask: await file("mask.png"),
  });
  assert.ok(isPng(result.data[0].b64_json));
});

test("edits several images", async () => {
  const image = [await file("a.png"), await file("a.png")];
  const result = await client.images.edit({ model: MODEL, prompt: "both", image });
  assert.equal(1, result.data.length);
});

for (const kind of ["image_generation", "image_edit"]) {
  test(`streams ${kind}`, async () => {
    const settings = { model: MODEL, prompt: "x", size: "256x256", stream: true, partial_images: 2 };
    const stream = kind === "image_edit"
      ? await client.images.edit({ ...settings, image: await file("a.png") })
      : await client.images.generate(settings);
    const types = [];
    for await (const event of stream) {
      types.push(event.type);
      assert.ok(isPng(event.b64_json));
    }
    assert.deepEqual([`${kind}.partial_image`, `${kind}.partial_image`, `${kind}.completed`], types);
  });
}

test("lists and retrieves models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("test/test"));
  assert.equal("test/test", (await client.models.retrieve("test/test")).id);
});

test("raises typed errors", async () => {
  const make = (settings) => client.images.generate({ model: MODEL, prompt: "x", ...settings });
  await assert.rejects(make({ qualty: "high" }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual(["unknown_parameter", "qualty"], [error.code, error.param]);
    return true;
  });
  await assert.rejects(make({ model: "gpt-5" }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ baseURL: `${ORIGIN}/v1`, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  const hurried = new OpenAI({ baseURL: `${ORIGIN}/v1/openai`, apiKey: HURRIED, maxRetries: 0 });
  const twice = async () => {
    for (let i = 0; i < 2; i++) await hurried.images.generate({ model: MODEL, prompt: "x", size: "64x64" });
  };
  await assert.rejects(twice, OpenAI.RateLimitError);
});

test("raises what fails inside a stream", async () => {
  await assert.rejects(async () => {
    const stream = await client.images.generate({ model: "test/broken", prompt: "x", stream: true });
    for await (const event of stream) assert.fail(event.type);
  }, OpenAI.APIError);
});
