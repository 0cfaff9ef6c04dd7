// A server with a workspace of its own, a browser, and what the tests of the pages need of both.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const program = process.env.GROUNDGLASS_BINARY ?? "groundglass";
export const folder = mkdtempSync(join(tmpdir(), "groundglass-browser-"));
export const workspace = join(folder, "workspace");

/** Servers that were started, to be ended even where a test fails in between. @type {import("node:child_process").ChildProcess[]} */
const servers = [];

/**
 * Runs the program and gives its output.
 * @param {...string} words
 */
export function run(...words) {
  const done = spawnSync(program, words, { encoding: "utf8", cwd: folder });
  if (done.status !== 0) throw new Error(`groundglass ${words.join(" ")}: exit code ${done.status}\n${done.stderr}`);
  return done.stdout;
}

/**
 * Starts `serve` and waits for the address that it prints.
 * @param {string} [port]
 * @param {string} [where] its workspace
 * @param {string[]} [more] options
 */
export async function startServer(port = "0", where = workspace, more = []) {
  const child = spawn(program, ["serve", where, "--port", port, ...more], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  servers.push(child);
  const address = await new Promise((resolve, reject) => {
    let said = "";
    const hear = (bytes) => {
      said += bytes;
      const found = /https?:\/\/\S+token=[\w-]+/.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => reject(new Error(`serve ended with ${code}: ${said}`)));
    setTimeout(() => reject(new Error(`serve printed no address: ${said}`)), 120000).unref();
  });
  return { child, address };
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.GROUNDGLASS_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"],
  });
}

/**
 * A visitor of their own, whose page may not complain or ask anybody else.
 * @param {import("playwright-core").Browser} browser
 * @param {string} address with the token
 */
export async function visitor(browser, address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, acceptDownloads: true });
  context.setDefaultTimeout(120000);  // on a machine that does other things at the same time
  /** @type {string[]} */
  const complaints = [];
  const origin = new URL(address).origin;
  context.on("request", (request) => {
    const { protocol } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && !request.url().startsWith(origin)) complaints.push(`asks ${request.url()}`);
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    // A draft that is not there is a 404, which the browser notes by itself.
    // So are answers of a server that was killed or started anew.
    const known = message.location().url.includes("/draft") || /ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|401/.test(message.text());
    if (message.type() === "error" && !known) complaints.push(message.text());
  });
  const page = await context.newPage();
  await page.goto(address);
  return { context, page, complaints, origin };
}

/**
 * Waits until the study page has a version with all its layers on the screen.
 * @param {import("playwright-core").Page} page
 * @param {number} version
 */
export async function ready(page, version) {
  await page.waitForSelector(`body[data-ready="${version}"]`, { timeout: 180000 });
}

/**
 * A number that an <output> shows.
 * @param {import("playwright-core").Page} page
 * @param {string} id
 */
export async function shownNumber(page, id) {
  return Number(await page.locator(`#${id}`).getAttribute("data-value"));
}

/**
 * What a page says, with numbers, their signs and times taken out, without the names of models, which come and go,
 * and without lesions, of which processors may find a small one more or less.
 * @param {import("playwright-core").Page} page
 */
export async function wordsOf(page) {
  const lesions = page.locator("#lesions");
  const found = await lesions.count() > 0 ? await lesions.innerText() : "";
  const text = (await page.locator("main:visible").first().innerText()).replace(found, "");
  const models = await page.locator("#model option:not([value='']), #train-model option:not([value=''])").allTextContents();
  return text.split("\n").map((line) => line.trim()).filter((line) => line && !models.includes(line)).join("\n")
    .replace(/\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b/g, "#").replace(/\d[\d.,:]*/g, "#")
    .replace(/below # %/g, "# %").replace(/# points?\b/g, "# points").replace(/[−+]#/g, "#");
}

/** Waits until what was asked for is painted. @param {import("playwright-core").Page} page */
export function painted(page) {
  return page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** Names of controls that a screen reader would not have. @param {import("playwright-core").Page} page */
export function namelessControls(page) {
  return page.evaluate(() => [...document.querySelectorAll("button, input, select, canvas, a, summary")].filter((element) => {
    const labels = "labels" in element && element.labels ? [...element.labels] : [];
    const picture = element.querySelector("img[alt]")?.getAttribute("alt");
    const name = element.getAttribute("aria-label") || picture || element.textContent.trim() || labels.map((label) => label.textContent.trim()).join("");
    return !name;
  }).map((element) => element.outerHTML));
}

/**
 * Texts whose contrast to what lies behind them is below 4.5 (WCAG AA), regions without a name, and
 * whether the page is wider than the window. Words over pictures are left out: they stand on black.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>}
 */
function badlySeen(page) {
  return page.evaluate(() => {
    const found = new Set();
    const numbers = (/** @type {string} */ colour) => {
      const [r, g, b, a = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
      return [r, g, b, a];
    };
    const light = (/** @type {number[]} */ [r, g, b]) => [r, g, b].reduce((sum, value, channel) => {
      const part = value / 255;
      return sum + [0.2126, 0.7152, 0.0722][channel] * (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    }, 0);
    const over = (/** @type {number[]} */ top, /** @type {number[]} */ ground, /** @type {number} */ share) => [0, 1, 2].map((i) => top[i] * share + ground[i] * (1 - share));
    for (const element of document.querySelectorAll("body *")) {
      const { width, height } = element.getBoundingClientRect();
      const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
      if (!width || !height || !words || element.closest(".view, button:disabled, option")) continue;
      let ground = [255, 255, 255];
      let shown = 1;
      const behind = [];
      for (let at = /** @type {Element | null} */ (element); at; at = at.parentElement) {
        shown *= Number(getComputedStyle(at).opacity);
        behind.unshift(numbers(getComputedStyle(at).backgroundColor));
      }
      for (const colour of behind) ground = over(colour, ground, colour[3]);
      const ink = numbers(getComputedStyle(element).color);
      const [high, low] = [light(over(ink, ground, ink[3] * shown)), light(ground)].sort((a, b) => b - a);
      const contrast = (high + 0.05) / (low + 0.05);
      if (contrast < 4.5) found.add(`contrast ${contrast.toFixed(2)}: ${element.tagName} ${element.textContent?.trim().slice(0, 40)}`);
    }
    for (const region of document.querySelectorAll("section, nav, aside, [role=group], [role=toolbar], [role=radiogroup]")) {
      if (!region.getAttribute("aria-label") && !document.getElementById(region.getAttribute("aria-labelledby") ?? "")) found.add(`no name: ${region.outerHTML.slice(0, 60)}`);
    }
    if (document.querySelectorAll("main:not([hidden])").length !== 1) found.add("not one main region");
    const wide = document.documentElement.scrollWidth;
    if (wide > window.innerWidth) found.add(`${wide} pixels wide in a window of ${window.innerWidth}`);
    return [...found];
  });
}

/**
 * Looks at a page in light and dark, on a desk and on a tablet, and leaves it as it was. Pictures go to
 * the folder that SHOTS names.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function looksGood(page, name) {
  for (const [kind, size] of /** @type {const} */ ([["tablet", { width: 820, height: 1180 }], ["desk", { width: 1280, height: 720 }]])) {
    await page.setViewportSize(size);
    for (const colorScheme of /** @type {const} */ (["dark", "light"])) {
      await page.emulateMedia({ colorScheme });
      await painted(page);
      if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}_${kind}_${colorScheme}.png`), fullPage: true });
      const bad = await badlySeen(page);
      if (bad.length > 0) throw new Error(`${name}, ${kind}, ${colorScheme}: ${bad.join("; ")}`);
    }
  }
}

/** Ends all servers and waits for it. */
export function endServers() {
  return Promise.all(servers.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => new Promise((resolve) => {
    child.on("exit", resolve);
    child.kill("SIGTERM");
  })));
}

export function removeFolder() {
  rmSync(folder, { recursive: true, force: true });
}
