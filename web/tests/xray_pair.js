// Two chest X-rays in DICOM: SEG and SR of a mask that was corrected by hand, and the two side by side.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { readGrayPng } from "../modules/png.js";
import { folder, painted, ready, run, shownNumber } from "./desk.js";

const sopClass = "1.2.840.10008.5.1.4.1.1.1";  // computed radiography
const explicitLittle = "1.2.840.10008.1.2.1";

/**
 * One element of a DICOM file in explicit little-endian.
 * @param {number} group
 * @param {number} element
 * @param {string} kind
 * @param {string | number | Buffer} value
 */
function element(group, element_, kind, value) {
  let bytes;
  if (Buffer.isBuffer(value)) bytes = value;
  else if (typeof value === "number") {
    bytes = Buffer.alloc(kind === "UL" ? 4 : 2);
    if (kind === "UL") bytes.writeUInt32LE(value);
    else bytes.writeUInt16LE(value);
  } else {
    bytes = Buffer.from(value, "latin1");
    if (bytes.length % 2) bytes = Buffer.concat([bytes, Buffer.from(kind === "UI" ? "\0" : " ", "latin1")]);
  }
  const long = ["OB", "OW"].includes(kind);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(element_, 2);
  head.write(kind, 4, "latin1");
  if (long) head.writeUInt32LE(bytes.length, 8);
  else head.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([head, bytes]);
}

/**
 * A chest X-ray of one patient.
 * @param {string} file
 * @param {{width: number, height: number, data: ArrayLike<number>}} picture 8 bits
 * @param {{number: number, date: string}} options
 */
function writeXray(file, { width, height, data }, { number, date }) {
  const uid = `2.25.900${number}`;
  const meta = Buffer.concat([
    element(2, 1, "OB", Buffer.from([0, 1])), element(2, 2, "UI", sopClass), element(2, 3, "UI", `${uid}.3`),
    element(2, 0x10, "UI", explicitLittle), element(2, 0x12, "UI", "2.25.9"),
  ]);
  writeFileSync(file, Buffer.concat([
    Buffer.alloc(128), Buffer.from("DICM"), element(2, 0, "UL", meta.length), meta,
    element(8, 0x16, "UI", sopClass), element(8, 0x18, "UI", `${uid}.3`), element(8, 0x20, "DA", date),
    element(8, 0x30, "TM", "081500"), element(8, 0x50, "SH", ""), element(8, 0x60, "CS", "CR"),
    element(8, 0x70, "LO", "PHANTOM"), element(8, 0x90, "PN", ""), element(0x10, 0x10, "PN", "Phantom^Ann"),
    element(0x10, 0x20, "LO", "P7"), element(0x10, 0x30, "DA", ""), element(0x10, 0x40, "CS", ""),
    element(0x18, 0x15, "CS", "CHEST"), element(0x18, 0x1164, "DS", "1.5\\1.5"), element(0x18, 0x5101, "CS", "PA"),
    element(0x20, 0x0d, "UI", `${uid}.1`), element(0x20, 0x0e, "UI", `${uid}.2`), element(0x20, 0x10, "SH", String(number)),
    element(0x20, 0x11, "IS", "1"), element(0x20, 0x13, "IS", "1"), element(0x20, 0x20, "CS", "L\\F"),
    element(0x28, 2, "US", 1), element(0x28, 4, "CS", "MONOCHROME2"), element(0x28, 0x10, "US", height),
    element(0x28, 0x11, "US", width), element(0x28, 0x100, "US", 8), element(0x28, 0x101, "US", 8),
    element(0x28, 0x102, "US", 7), element(0x28, 0x103, "US", 0), element(0x28, 0x1050, "DS", "128"),
    element(0x28, 0x1051, "DS", "256"), element(0x7fe0, 0x10, "OB", Buffer.from(Uint8Array.from(data))),
  ]));
}

/**
 * Uploads one X-ray and segments it.
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 * @param {string} name
 * @param {string} file
 * @returns {Promise<string>} id of the study
 */
async function uploaded(page, origin, name, file) {
  await page.goto(origin);
  await page.fill("#study-name", name);
  await page.setInputFiles("#files", file);
  await page.waitForURL(/study\.html/);
  await ready(page, 1);
  return new URL(page.url()).searchParams.get("study") ?? "";
}

/**
 * What the page exports.
 * @param {import("playwright-core").Page} page
 * @param {string} format
 */
async function exported(page, format) {
  await page.selectOption("#format", format);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#export-start")]);
  const file = join(folder, `xray_${format}.dcm`);
  await saved.saveAs(file);
  return file;
}

const sightOf = (page, side) => page.locator(`#${side} canvas`).getAttribute("data-sight");

/**
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 * @param {(name: string, page: import("playwright-core").Page) => Promise<void>} compareText
 */
export async function compareXrays(page, origin, compareText) {
  run("phantom", "pair", "--kind", "cxr", "--cases", "1", "--slices", "64", "--side", "192", "--seed", "3", "-q");
  const clear = await readGrayPng(new Uint8Array(readFileSync(join(folder, "pair/case_000.png"))).buffer);
  const [first, second] = [join(folder, "first.dcm"), join(folder, "second.dcm")];
  writeXray(first, clear, { number: 1, date: "20260101" });
  // The later one is of another size, as pictures of another machine are.
  const width = 160;
  const data = Uint8Array.from({ length: width * 160 }, (_, at) => clear.data[
    Math.floor((Math.floor(at / width) * clear.height) / 160) * clear.width + Math.floor(((at % width) * clear.width) / width)]);
  writeXray(second, { width, height: 160, data }, { number: 2, date: "20260131" });
  const earlier = await uploaded(page, origin, "X-ray before", first);
  const later = await uploaded(page, origin, "X-ray later", second);

  // A correction, and its objects as another program reads them.
  await page.keyboard.press("b");
  await page.locator("#brush-size").fill("20");
  const box = await page.locator("canvas").boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.5);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.45, box.y + box.height * 0.6, { steps: 4 });
  await page.mouse.up();
  await page.fill("#author", "Anna");
  await page.locator("canvas").focus();
  await page.keyboard.press("Control+s");
  await ready(page, 2);
  const pixels = await shownNumber(page, "ml");
  assert.ok(pixels > 100, `${pixels} pixels`);
  await page.locator("#export > summary").click();
  const seen = JSON.parse(run("inspect", await exported(page, "seg"), "--json"));
  assert.match(JSON.stringify(seen), /DICOM segmentation/);
  const report = readFileSync(await exported(page, "sr")).toString("latin1");
  assert.match(report, /corrected by hand/);
  assert.match(report, /Area/);

  await page.goto(`${origin}/compare.html?a=${earlier}&b=${later}`);
  await page.waitForFunction(() => document.getElementById("change-ml")?.textContent?.includes("cm²"));
  const told = Number((await page.locator("#change-ml").innerText()).replace("−", "-").split(" ")[0]);
  const before = Number(/Earlier: ([\d.]+) cm²/.exec(await page.locator("#amounts").innerText())?.[1]);
  assert.ok(Math.abs(told - (pixels * 2.25 / 100 - before)) < 0.11, `${told} ${pixels} ${before}`);
  assert.match(await page.locator("#verdict").innerText(), /^(more infection|no clear change) in 30 days$/);
  assert.ok(await page.locator("#plane-label").isHidden());
  await painted(page);
  const whole = await sightOf(page, "left");
  await page.locator("#left canvas").focus();
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  await page.keyboard.press("Shift+ArrowRight");
  await painted(page);
  const near = await sightOf(page, "left");
  assert.match(near ?? "", /^1\.56/);
  assert.notEqual(near, whole);
  assert.equal(await sightOf(page, "right"), near, "zoom and shift are linked");
  await page.keyboard.press("k");
  await page.keyboard.press("0");
  await painted(page);
  assert.equal(await sightOf(page, "left"), whole);
  assert.equal(await sightOf(page, "right"), near, "and are not any more");
  await page.locator("#right canvas").focus();
  await page.keyboard.press("0");
  await page.keyboard.press("k");
  await page.keyboard.press("+");
  await painted(page);
  assert.match(await sightOf(page, "left") ?? "", /^1\.250 0\.000 0\.000/, "the second moves the first as well");
  await page.keyboard.press("0");
  await painted(page);
  assert.equal(await sightOf(page, "left"), whole);
  const light = await page.locator("#right canvas").screenshot();
  await page.keyboard.press("v");
  await painted(page);
  assert.notDeepEqual(await page.locator("#right canvas").screenshot(), light, "both are inverted");
  await page.keyboard.press("v");
  await compareText("compare_xrays", page);
}
