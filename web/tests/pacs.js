// A study is fetched from a PACS, corrected by hand, and sent back, by the buttons of the pages. The PACS is a
// small DICOMweb service of the test's own, which holds one series and keeps what it is sent.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { folder, looksGood, ready, run, shownNumber, startServer, visitor } from "./desk.js";

/** The UID under a tag's four bytes in a file of explicit little-endian. */
function uidOf(bytes, tag) {
  const at = bytes.indexOf(Buffer.from([...tag, 0x55, 0x49]));
  return bytes.toString("latin1", at + 8, at + 8 + bytes.readUInt16LE(at + 6)).replace("\0", "");
}

/** @param {string} series folder with the files of a DICOM series */
async function startPeer(series) {
  const images = readdirSync(series).map((name) => readFileSync(join(series, name)));
  const study = uidOf(images[0], [0x20, 0, 0x0d, 0]);
  const uid = uidOf(images[0], [0x20, 0, 0x0e, 0]);
  /** @type {Buffer[]} */
  const taken = [];
  const peer = { study, taken, refuses: false, url: "", close: () => server.close() };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://peer");
    const json = (/** @type {unknown} */ document) => {
      response.setHeader("Content-Type", "application/dicom+json");
      response.end(JSON.stringify(document));
    };
    const uidItem = (/** @type {string} */ value) => ({ vr: "UI", Value: [value] });
    if (request.method === "POST") {
      /** @type {Buffer[]} */
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        taken.push(Buffer.concat(parts));
        response.statusCode = peer.refuses ? 500 : 200;
        json({});
      });
    } else if (pathname === "/studies") {
      const known = searchParams.get("StudyInstanceUID") === study || searchParams.get("AccessionNumber") === "A7";
      json(known ? [{ "0020000D": uidItem(study) }] : []);
    } else if (pathname === `/studies/${study}/series`) {
      json([{ "0020000E": uidItem(uid), "00080060": { vr: "CS", Value: ["CT"] } }]);
    } else {
      response.setHeader("Content-Type", 'multipart/related; type="application/dicom"; boundary="b"');
      for (const image of images) {
        response.write("--b\r\nContent-Type: application/dicom\r\n\r\n");
        response.write(image);
        response.write("\r\n");
      }
      response.end("--b--\r\n");
    }
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(null)); });
  const address = server.address();
  peer.url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  return peer;
}

/**
 * @param {import("playwright-core").Browser} browser
 * @param {(name: string, page: import("playwright-core").Page) => Promise<void>} compareText
 */
export async function fetchAndSend(browser, compareText) {
  const peer = await startPeer(join(folder, "series/case_000"));
  writeFileSync(join(folder, "key"), "0123456789abcdef0123456789\n", { mode: 0o600 });
  mkdirSync(join(folder, "site_work"));
  writeFileSync(join(folder, "site.toml"),
    `[site]\nfolder = "site_work"\nkey = "key"\n[[destination]]\nname = "pacs"\nurl = "${peer.url}"\n`);
  try {
    const server = await startServer("0", join(folder, "with_pacs"), ["--site", join(folder, "site.toml")]);
    const { page, context, complaints } = await visitor(browser, server.address);
    const says = (/** @type {RegExp} */ words) => page.waitForFunction(
      (source) => new RegExp(source).test(document.getElementById("status")?.textContent ?? ""), words.source, { timeout: 180000 });
    await page.waitForSelector("#fetch-section:not([hidden])");
    await compareText("start_with_pacs", page);
    for (const empty of ["runs", "round", "compare"]) {
      await page.goto(`${new URL(server.address).origin}/${empty}.html`);
      await page.waitForFunction(() => document.getElementById("footer")?.textContent && !document.body.innerText.includes("Loading"));
      await compareText(`empty_${empty}`, page);
    }
    await page.goto(new URL(server.address).origin);
    await page.waitForSelector("#fetch-section:not([hidden])");
    await page.click("#fetch");
    await says(/error: study_uid: expected a study_uid or an accession/);
    await page.fill("#fetch-accession", "B8");
    await page.keyboard.press("Enter");
    await says(/error: pacs: has no such series of modality 'CT'/);
    await looksGood(page, "pacs_refused");
    await page.fill("#fetch-accession", "A7");
    await page.click("#fetch");
    await page.waitForURL(/study\.html/, { timeout: 180000 });
    await ready(page, 1);
    assert.match(await page.locator("#title").innerText(), /From pacs/);
    await page.locator("#lesions button").first().click();
    await page.keyboard.press("b");
    await page.keyboard.press(" ");
    assert.ok(await page.locator("#pacs-send").isDisabled(), "what is being corrected is not sent");
    await page.fill("#author", "Anna");
    await page.keyboard.press("Control+s");
    await ready(page, 2);
    const ml = await shownNumber(page, "ml");
    await page.locator("#export > summary").click();
    await page.waitForSelector("#pacs-send:enabled");
    await page.click("#pacs-send");
    await says(/2 of 2 objects sent to pacs/);
    await looksGood(page, "pacs_sent");
    assert.equal(peer.taken.length, 2);
    const [segmentation, report] = peer.taken.map((bytes) => bytes.toString("latin1"));
    assert.ok(segmentation.includes("1.2.840.10008.5.1.4.1.1.66.4") && segmentation.includes("SEMIAUTOMATIC"));
    assert.ok(report.includes(peer.study));
    assert.ok(ml > 0);
    await page.selectOption("#version", "1");
    await ready(page, 1);
    await page.click("#pacs-send");
    await says(/error: version 1: was corrected by hand as version 2; send that one/);
    await page.selectOption("#version", "2");
    await ready(page, 2);
    peer.refuses = true;
    await page.click("#pacs-send");
    await says(/error: 2 of 2 objects were not taken by pacs: refused/);
    run("audit", "verify", "site.toml");
    // The browser notes answers that refuse by itself.
    assert.deepEqual(complaints.filter((text) => !/status of 4\d\d/.test(text)), []);
    await context.close();
  } finally {
    peer.close();
  }
}
