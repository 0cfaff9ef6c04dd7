// A chest X-ray with haze in both lungs, which the network takes for infection: its Grad-CAM lies over the
// picture.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { readGrayPng, writeGrayPng } from "../modules/png.js";
import { folder, painted, ready, run, shownNumber } from "./desk.js";

/** A phantom with two white clouds, where lungs are on it. */
async function hazyXray() {
  run("phantom", "xrays", "--kind", "cxr", "--cases", "1", "--slices", "64", "--side", "192", "--seed", "3", "-q");
  const { width, height, data } = await readGrayPng(new Uint8Array(readFileSync(join(folder, "xrays/case_000.png"))).buffer);
  const clouds = [[0.3 * width, 0.55 * height], [0.75 * width, 0.6 * height]];
  const hazy = Uint8Array.from(data, (gray, at) => clouds.reduce((sum, [x, y]) => {
    const square = (at % width - x) ** 2 + (Math.floor(at / width) - y) ** 2;
    return Math.min(255, sum + 90 * Math.exp(-square / (2 * (0.1 * width) ** 2)));
  }, gray));
  const file = join(folder, "hazy.png");
  writeFileSync(file, new Uint8Array(await (await writeGrayPng(width, height, hazy)).arrayBuffer()));
  return file;
}

/** How many pixels of a canvas are coloured, and how many of them rather yellow or red than blue. */
const coloured = (page) => page.locator("canvas").evaluate((/** @type {HTMLCanvasElement} */ canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (Math.abs(data[at] - data[at + 2]) > 40) ++count;
  }
  return count;
});

/**
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 */
export async function explainAnXray(page, origin) {
  const file = await hazyXray();
  await page.goto(origin);
  await page.fill("#study-name", "Hazy");
  await page.setInputFiles("#files", file);
  await page.waitForURL(/study\.html/);
  await ready(page, 1);
  if (!(await page.locator("#version option").first().innerText()).includes("xray_infection")) {
    await page.selectOption("#model", "xray_infection");
    await page.click("#segment");
    await ready(page, 2);
  }
  // The threshold's pixels and share are the program's.
  for (const threshold of ["0.15", "0.4"]) {
    run("predict", file, "-o", `hazy_${threshold}`, "--model", "xray_infection", "--threshold", threshold, "-q");
    const told = JSON.parse(readFileSync(join(folder, `hazy_${threshold}/summary.json`), "utf8")).cases[0];
    await page.locator("#threshold").fill(threshold);
    const [pixels, share] = [await shownNumber(page, "ml"), await shownNumber(page, "share")];
    console.log(`X-ray at ${threshold}: page ${pixels} pixels, ${share}; program ${told.lesion_pixels}, ${told.lesion_fraction_of_lung}`);
    assert.ok(told.lesion_fraction_of_lung > 0);
    assert.ok(Math.abs(pixels - told.lesion_pixels) <= 2, `${pixels} ${told.lesion_pixels}`);
    assert.ok(Math.abs(share - told.lesion_fraction_of_lung) <= 0.001, `${share} ${told.lesion_fraction_of_lung}`);
  }
  await page.click("#threshold-reset");
  await page.locator("#mask-shown").uncheck();
  await page.locator("#cross").uncheck();
  await painted(page);
  const plain = await coloured(page);
  await page.click("#gradcam");
  await page.waitForSelector('body[data-explained="1"]');
  await painted(page);
  assert.match(await page.locator("#cam-note").innerText(), /^The mask covers it/, "the map is not empty");
  const heated = await coloured(page);
  assert.ok(heated > plain + 500, `${plain} and ${heated} coloured pixels`);
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "xray_heat.png") });
  await page.locator("#cam-shown").uncheck();
  await painted(page);
  assert.ok(await coloured(page) < plain + 50);
}
