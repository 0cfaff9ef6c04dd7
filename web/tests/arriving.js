// A CT is on the screen before all of it is there.

import assert from "node:assert/strict";

import { painted } from "./desk.js";

/** How many pixels of a canvas are lit. @param {import("playwright-core").Page} page @param {string} plane */
const lit = (page, plane) => page.locator(`canvas[data-plane="${plane}"]`).evaluate((element) => {
  const canvas = /** @type {HTMLCanvasElement} */ (element);
  const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at] > 60) ++count;
  return count;
});

/**
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 * @param {string} study
 */
export async function showASliceEarly(page, origin, study) {
  /** @type {() => void} */
  let release = () => {};
  const released = new Promise((resolve) => { release = () => resolve(null); });
  await page.route("**/volume.nii", async (route) => {
    if (!route.request().headers().range) await released;
    await route.continue();
  });
  await page.goto(`${origin}/study.html?study=${study}`);
  await page.waitForSelector("body[data-first-ms]");
  await painted(page);
  assert.ok(await lit(page, "axial") > 2000, "the middle slice");
  assert.ok(await lit(page, "coronal") < await lit(page, "axial") / 4, "the others are black so far");
  assert.equal(await page.locator("#place").innerText(), "the image is on its way", "no value of what is not there");
  assert.equal(await page.locator("body").getAttribute("data-opened-ms"), null);
  assert.match(await page.locator("#status").innerText(), /reading the image/);
  release();
  await page.waitForSelector("body[data-ready]");
  await page.unroute("**/volume.nii");
  await painted(page);
  assert.ok(await lit(page, "coronal") > 2000);
  assert.match(await page.locator("#place").innerText(), /HU/);
}
