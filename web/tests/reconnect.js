// A server that is killed under an open page, and started again.

import assert from "node:assert/strict";

import { ready, shownNumber, startServer } from "./desk.js";

/** A stroke over the whole width of the axial plane, which marks something new for certain. */
const stroke = async (page, y) => {
  const before = await shownNumber(page, "ml");
  const box = await page.locator('canvas[data-plane="axial"]').boundingBox();
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height * y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + box.height * y, { steps: 4 });
  await page.mouse.up();
  assert.ok(await shownNumber(page, "ml") > before);
};

/**
 * @param {Awaited<ReturnType<typeof startServer>>} server killed
 * @param {{page: import("playwright-core").Page, context: import("playwright-core").BrowserContext, origin: string}} visitor
 * @param {string} study
 * @returns {Promise<Awaited<ReturnType<typeof startServer>>>} the new one
 */
export async function surviveAKill(server, { page, context, origin }, study) {
  await page.goto(`${origin}/study.html?study=${study}`);
  await page.waitForSelector("body[data-ready]");
  const last = Number(await page.locator("body").getAttribute("data-ready"));
  await page.keyboard.press("b");
  await stroke(page, 0.4);
  await page.waitForFunction(() => document.getElementById("draft-state")?.textContent?.startsWith("Draft kept"), null, { timeout: 180000 });
  const kept = await page.locator("#draft-state").innerText();
  const gone = new Promise((resolve) => { server.child.on("exit", resolve); });
  server.child.kill("SIGKILL");
  await gone;
  await page.waitForSelector("body[data-server=gone]", { timeout: 180000 });
  assert.match(await page.locator("#status").innerText(), /the server does not answer; start 'groundglass serve' again/);
  // What is drawn meanwhile stays in the page.
  await stroke(page, 0.6);
  const drawn = await shownNumber(page, "ml");
  const again = await startServer(new URL(origin).port);
  await page.waitForFunction(() => document.getElementById("status")?.textContent?.includes("was started anew"), null, { timeout: 180000 });
  const other = await context.newPage();
  await other.goto(again.address);
  await page.waitForSelector("body:not([data-server])", { timeout: 180000 });
  await page.waitForFunction((before) => {
    const text = document.getElementById("draft-state")?.textContent ?? "";
    return text.startsWith("Draft kept") && text !== before;
  }, kept, { timeout: 180000 });
  assert.equal(await shownNumber(page, "ml"), drawn);
  await other.goto(`${origin}/study.html?study=${study}`);
  await other.waitForSelector("#draft-found:not([hidden])", { timeout: 180000 });
  await other.close();
  await page.keyboard.press("Control+s");
  await ready(page, last + 1);
  assert.ok(Math.abs(await shownNumber(page, "ml") - drawn) < 1e-6);
  return again;
}
