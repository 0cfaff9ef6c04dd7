// A training begun from an annotation round, followed, and its network in the next round.

import assert from "node:assert/strict";

/**
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 */
export async function trainAndProposeAgain(page, origin) {
  await page.goto(`${origin}/round.html`);
  await page.waitForSelector("#propose-models input");
  await page.selectOption("#network-round", "proposals");
  // All that was chosen in it is of three patients.
  await page.fill("#train-epochs", "1");
  await page.click("#train");
  await page.waitForFunction(() => document.getElementById("status")?.textContent?.includes("tuned_proposals_1 stands in the queue")
    || document.getElementById("network-jobs")?.textContent?.includes("tuned_proposals_1"));
  await page.waitForFunction(() => /tuned_proposals_1 is (done|failed)/.test(document.getElementById("status")?.textContent ?? "")
    || document.getElementById("status")?.dataset.kind === "wrong", null, { timeout: 90000 });
  assert.equal(await page.locator("#status").innerText(), "training tuned_proposals_1 is done");
  await page.waitForSelector('#propose-models input[value="run:tuned_proposals_1"]');
  for (const box of await page.locator("#propose-models input:checked").all()) await box.uncheck();
  await page.check('#propose-models input[value="run:tuned_proposals_1"]');
  await page.click("#propose");
  await page.waitForFunction(() => document.getElementById("status")?.textContent === "proposals for 'proposals': done", null, { timeout: 180000 });
  // By hand: the case that is left has an entropy.
  await page.fill("#annotator", "Anna");
  await page.selectOption("#order", "hand");
  await page.click('button[aria-label="Annotate proposals"]');
  await page.waitForSelector("#case-list button");
  assert.match(await page.locator("#case-list").innerText(), /mbit/);
  await page.locator("#case-list button").first().click();
  await page.waitForSelector("body[data-case]:not([data-case=none])");
  assert.match(await page.locator("#left-over").innerText(), /Stage 2/);
  await page.goto(`${origin}/runs.html?run=tuned_proposals_1`);
  await page.waitForSelector("#curves figure");
  assert.match(await page.locator("#run-state").innerText(), /finished, epoch 1 of 1/);
  assert.match(await page.locator("#test").innerText(), /test images: Dice/);
}
