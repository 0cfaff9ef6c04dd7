// The pages in Debian's Chromium against a real server. Run by `node --test`, in order: later tests
// use the studies of earlier ones. With UPDATE_TEXTS=1 the texts of the pages are written anew.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { showASliceEarly } from "./arriving.js";
import { trainAndProposeAgain } from "./networks.js";
import { checkOrientations } from "./orientations.js";
import { fetchAndSend } from "./pacs.js";
import { surviveAKill } from "./reconnect.js";
import { explainAnXray } from "./xray.js";
import { compareXrays } from "./xray_pair.js";
import { voxelMl } from "../modules/measures.js";
import { readNifti } from "../modules/nifti.js";
import {
  endServers, folder, looksGood, namelessControls, painted, ready, removeFolder, run, shownNumber, startBrowser, startServer, visitor, wordsOf, workspace,
} from "./desk.js";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof visitor>>} */
let anna;
let study = "";

const texts = fileURLToPath(new URL("texts/", import.meta.url));

async function compareText(name, page) {
  const words = `${await wordsOf(page)}\n`;
  const file = join(texts, `${name}.txt`);
  if (process.env.UPDATE_TEXTS) writeFileSync(file, words);
  assert.equal(words, readFileSync(file, "utf8"), `the text of ${name}; UPDATE_TEXTS=1 writes it anew`);
  assert.deepEqual(await namelessControls(page), []);
  await looksGood(page, name);
}

before(async () => {
  run("phantom", "series", "--format", "dicom", "--cases", "1", "--slices", "20", "--side", "96", "--seed", "7", "-q");
  run("phantom", "pictures", "--cases", "4", "--slices", "1", "--side", "64", "-q");
  run("annotate", "init", "pictures/cases.csv", "-o", join(workspace, "rounds/lungs"), "-q");
  run("annotate", "propose", join(workspace, "rounds/lungs"), "--models", "ct_infection,attention_unet_ct", "-q");
  // A project without manual masks: one network proposes, people accept or draw.
  const [header, ...rows] = readFileSync(join(folder, "pictures/cases.csv"), "utf8").trim().split("\n");
  const column = header.split(",").indexOf("infection");
  const emptied = rows.map((row) => row.split(",").map((cell, index) => (index === column ? "" : cell)).join(","));
  writeFileSync(join(folder, "pictures/unmarked.csv"), [header, ...emptied, ""].join("\n"));
  run("annotate", "init", "pictures/unmarked.csv", "-o", join(workspace, "rounds/proposals"), "-q");
  run("annotate", "propose", join(workspace, "rounds/proposals"), "--stage", "2", "--models", "ct_infection", "-q");
  const training = join(workspace, "runs/small");
  mkdirSync(training, { recursive: true });
  writeFileSync(join(training, "recipe.toml"), 'seed = 1\n\n[model]\nname = "unet"\n\n[train]\nepochs = 4\n');
  writeFileSync(join(training, "events.jsonl"), [1, 2, 3, 4].map((epoch) => JSON.stringify({
    event: "epoch", epoch, loss: 1 / epoch, validation_loss: 1.2 / epoch, soft_dice: 0.2 * epoch, hard_dice: 0.19 * epoch,
    monitor: 0.2 * epoch, learning_rate: 0.001 / epoch, seconds: 2,
  })).join("\n"));
  writeFileSync(join(training, "test.json"), JSON.stringify({
    best_epoch: 4, threshold: 0.5, columns: ["id", "tp", "fp", "fn"], items: [["a", 80, 20, 10], ["b", 1, 4, 9], ["c", 0, 3, 0]],
  }));
  for (const fold of [0, 1]) cpSync(training, join(workspace, `runs/validated/fold_${fold}`), { recursive: true });
  server = await startServer();
  browser = await startBrowser();
  anna = await visitor(browser, server.address);
});

after(async () => {
  await browser?.close();
  await endServers();
  if (process.env.KEEP_FOLDER) cpSync(folder, process.env.KEEP_FOLDER, { recursive: true });
  removeFolder();
});

test("the first page explains itself and opens within two seconds", async () => {
  const { page, origin } = anna;
  const times = [];
  // The best of three: whatever else the machine does is not the page's time.
  while (times.length < 3 && !(Math.min(...times) < 2)) {
    const begun = Date.now();
    await page.goto(origin);
    await page.waitForFunction(() => document.getElementById("limits")?.textContent);
    times.push((Date.now() - begun) / 1000);
  }
  const seconds = Math.min(...times);
  console.log(`first page: ${times.join(", ")} s`);
  assert.ok(seconds < 2, `${seconds} s`);
  assert.doesNotMatch(page.url(), /token/);
  await compareText("start", page);
});

test("an uploaded series is segmented, and its ml are the program's", async () => {
  const { page } = anna;
  await page.fill("#study-name", "Uploaded");
  await page.setInputFiles("#folder", join(folder, "series/case_000"));
  await page.waitForURL(/study\.html/);
  study = new URL(page.url()).searchParams.get("study") ?? "";
  await ready(page, 1);
  console.log(`study: image on the screen ${await page.locator("body").getAttribute("data-opened-ms")} ms after it was asked for`);
  run("predict", "series/case_000", "-o", "told", "-q");
  const told = JSON.parse(readFileSync(join(folder, "told/summary.json"), "utf8")).cases[0];
  assert.ok(told.lesion_ml > 0);
  assert.equal(await shownNumber(page, "ml"), told.lesion_ml);
  assert.equal(await shownNumber(page, "share"), told.lesion_fraction_of_lung);
  assert.match(await page.locator("#title").innerText(), /Uploaded/);
});

test("another threshold gives the program's ml and share", async () => {
  const { page } = anna;
  run("predict", "series/case_000", "-o", "lower", "--threshold", "0.2", "-q");
  const told = JSON.parse(readFileSync(join(folder, "lower/summary.json"), "utf8")).cases[0];
  await page.locator("#threshold").fill("0.2");
  const ml = await shownNumber(page, "ml");
  const share = await shownNumber(page, "share");
  console.log(`threshold 0.2: page ${ml.toFixed(3)} ml, program ${told.lesion_ml.toFixed(3)} ml`);
  // Stored probabilities are rounded to 2^-14: a voxel or two may fall on the other side.
  assert.ok(Math.abs(ml - told.lesion_ml) <= 2.01 * (told.lesion_ml / told.lesion_pixels), `${ml} ${told.lesion_ml}`);
  // The program closes holes of the lungs with the mask in them, so they change a little with it.
  assert.ok(Math.abs(share - told.lesion_fraction_of_lung) <= 0.01 * told.lesion_fraction_of_lung, `${share} ${told.lesion_fraction_of_lung}`);
  await page.click("#threshold-reset");
  await page.locator("#lesions button").first().click();
  await page.locator("#measures-details > summary").click();
  const upper = told.lobes.regions[0];
  assert.ok((await page.locator("#measures").innerText()).includes(`of ${upper.ml.toFixed(0)} ml`), "lobes are shown");
  await compareText("study", page);
});

test("a painted mask is saved as a new version, survives a reload, and is exported", async () => {
  const { page } = anna;
  await page.locator("#lesions button").first().click();
  await page.keyboard.press("b");
  await page.locator("#brush-size").fill("20");
  const before_ = await shownNumber(page, "ml");
  const box = await page.locator('canvas[data-plane="axial"]').boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.5);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.55, { steps: 6 });
  await page.mouse.up();
  const drawn = await shownNumber(page, "ml");
  assert.ok(drawn > before_ + 1, `${before_} ${drawn}`);
  await page.keyboard.press("Control+z");
  assert.equal(await shownNumber(page, "ml"), before_);
  await page.keyboard.press("Control+y");
  assert.equal(await shownNumber(page, "ml"), drawn);
  await page.keyboard.press("Control+s");
  await page.waitForSelector("#status[data-kind=wrong]");
  assert.match(await page.locator("#status").innerText(), /write your name/);
  await page.fill("#author", "Anna");
  await page.fill("#reason", "missed by the network");
  await page.keyboard.press("Control+s");
  await ready(page, 2);
  await page.reload();
  await ready(page, 2);
  await page.waitForFunction(() => document.getElementById("amount-note")?.textContent?.startsWith("corrected by Anna"));
  assert.ok(Math.abs(await shownNumber(page, "ml") - drawn) < 1e-6);

  await page.locator("#export > summary").click();
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#export-start")]);
  const file = join(folder, "exported.nii.gz");
  await saved.saveAs(file);
  const mask = await readNifti(new Uint8Array(readFileSync(file)).buffer);
  const voxels = mask.data.filter((label) => label > 0).length;
  assert.ok(Math.abs(voxels * voxelMl(mask.affine) - drawn) < 1e-3, `${voxels} voxels`);
  assert.match(run("inspect", file), /96/);
  await page.selectOption("#format", "seg");
  const [object] = await Promise.all([page.waitForEvent("download"), page.click("#export-start")]);
  await object.saveAs(join(folder, "exported.dcm"));
  assert.equal(readFileSync(join(folder, "exported.dcm")).toString("latin1", 128, 132), "DICM");
});

test("what was drawn comes back after the browser has died", async () => {
  const { context, origin } = anna;
  const page = await context.newPage();
  await page.goto(`${origin}/study.html?study=${study}`);
  await ready(page, 2);
  await page.keyboard.press("e");
  await page.locator("#lesions button").first().focus();
  await page.keyboard.press("n");
  await page.locator('canvas[data-plane="axial"]').focus();
  await page.keyboard.press(" ");
  const erased = await shownNumber(page, "ml");
  await page.waitForFunction(() => document.getElementById("draft-state")?.textContent?.startsWith("Draft kept"), null, { timeout: 180000 });
  await page.close();
  await anna.page.reload();
  await anna.page.waitForSelector("#draft-found:not([hidden])");
  await anna.page.click("#draft-use");
  await anna.page.waitForFunction(() => document.getElementById("amount-note")?.textContent?.startsWith("being corrected"));
  assert.equal(await shownNumber(anna.page, "ml"), erased);
  await anna.page.click("#discard");
  await anna.page.reload();
  await ready(anna.page, 2);
  assert.ok(await anna.page.locator("#draft-found").isHidden());
});

test("everything works with the keyboard alone, and slices repaint quickly", async () => {
  const { page } = anna;
  await page.keyboard.press("a");
  await painted(page);
  const axial = page.locator('canvas[data-plane="axial"]');
  const depth = Number(await axial.getAttribute("data-depth"));
  const times = [];
  for (let step = 0; step < 8; ++step) {
    await page.keyboard.press(step < 4 ? "ArrowUp" : "ArrowDown");
    await painted(page);
    times.push(Number(await axial.getAttribute("data-paint-ms")));
  }
  console.log(`repaint of a slice: ${times.join(", ")} ms`);
  assert.ok([...times].sort((a, b) => a - b)[4] < 50, String(times));
  assert.equal(Number(await axial.getAttribute("data-depth")), depth);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("h");
  await page.keyboard.press("l");
  await page.keyboard.press("o");
  await page.keyboard.press("w");
  assert.ok(await page.locator("#heat-shown").isChecked());
  assert.ok(await page.locator("#lungs-shown").isChecked());
  assert.equal(await page.locator("#mask-style").inputValue(), "outline");
  assert.equal(await page.locator("#window").inputValue(), "mediastinum");
  await page.keyboard.press("b");
  await page.keyboard.press(" ");
  const first = await shownNumber(page, "ml");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press(" ");
  const second = await shownNumber(page, "ml");
  await page.keyboard.press("i");
  assert.match(await page.locator("#status").innerText(), /filled the axial slices/);
  assert.ok(await shownNumber(page, "ml") > second && second >= first);
  await page.keyboard.press("Control+z");
  assert.equal(await shownNumber(page, "ml"), second);
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  // A reason may be left out.
  await page.keyboard.press("Control+s");
  await ready(page, 3);
  assert.ok(Math.abs(await shownNumber(page, "ml") - second) < 1e-6);
});

test("Grad-CAM is a layer of the slices that are asked for", async () => {
  const { page } = anna;
  await page.keyboard.press("Escape");
  await page.keyboard.press("a");
  assert.ok(await page.locator("#gradcam").isDisabled(), "of a network's mask alone");
  await page.selectOption("#version", "1");
  await ready(page, 1);
  await page.selectOption("#mask-style", "outline");
  await page.click("#gradcam");
  await page.waitForSelector('body[data-explained="1"]', { timeout: 180000 });
  assert.ok(await page.locator("#cam-shown").isChecked());
  assert.match(await page.locator("#cam-note").innerText(), /There is one of axial slice \d+\./);
  assert.match(await page.locator("#place").innerText(), /Grad-CAM \d\.\d\d/);
  const shown = await page.locator('canvas[data-plane="axial"]').screenshot();
  await page.keyboard.press("g");
  await painted(page);
  assert.notDeepEqual(await page.locator('canvas[data-plane="axial"]').screenshot(), shown);
  await page.keyboard.press("g");
  await page.reload();
  await ready(page, 3);
});

test("a slice is on the screen before the whole image is there", () => showASliceEarly(anna.page, anna.origin, study));

test("lungs and infection are drawn in space", async () => {
  const { page } = anna;
  await page.keyboard.press("3");
  await page.waitForSelector("canvas.space[data-spacing]", { timeout: 180000 });
  assert.equal(await page.locator("#status").innerText(), "");
  const picture = await page.locator("canvas.space").screenshot();
  assert.ok(picture.length > 3000, `${picture.length} bytes: the picture in space looks empty`);
});

test("a chest X-ray is a picture with window and inversion", async () => {
  const { page, origin } = anna;
  await page.goto(origin);
  await page.click("#try-xray");
  await page.waitForURL(/study\.html/);
  await ready(page, 1);
  assert.equal(await page.locator("canvas").count(), 1);
  const light = await page.locator("canvas").screenshot();
  await page.keyboard.press("v");
  await painted(page);
  assert.notDeepEqual(await page.locator("canvas").screenshot(), light);
  await compareText("xray", page);
  await page.selectOption("#mask-style", "outline");
  const plain = await page.locator("canvas").screenshot();
  await page.click("#gradcam");
  await page.waitForSelector('body[data-explained="1"]', { timeout: 180000 });
  await painted(page);
  // Where the network finds nothing in the phantom, nothing speaks for it, and the page says so.
  const empty = (await page.locator("#cam-note").innerText()).startsWith("The map is empty");
  assert.equal((await page.locator("canvas").screenshot()).equals(plain), empty);
  assert.match(await page.locator("#place").innerText(), /Grad-CAM \d\.\d\d/);
});

test("the Grad-CAM of a chest X-ray lies over the picture", () => explainAnXray(anna.page, anna.origin));

test("two studies are compared, and scroll together", async () => {
  const { page, origin } = anna;
  await page.goto(origin);
  await page.fill("#study-name", "A week later");
  await page.setInputFiles("#files", readdirSync(join(folder, "series/case_000")).map((name) => join(folder, "series/case_000", name)));
  await page.waitForURL(/study\.html/);
  const later = new URL(page.url()).searchParams.get("study") ?? "";
  await ready(page, 1);
  const ml = await shownNumber(page, "ml");
  await page.goto(`${origin}/compare.html?a=${study}&b=${later}`);
  await page.waitForFunction(() => document.getElementById("change-ml")?.textContent !== "–");
  const change = Number((await page.locator("#change-ml").innerText()).replace("−", "-").split(" ")[0]);
  const first = Number(/Earlier: ([\d.]+) ml/.exec(await page.locator("#amounts").innerText())?.[1]);
  assert.ok(Math.abs(change - (ml - first)) < 0.11, `${change} ${ml} ${first}`);
  assert.match(await page.locator("#verdict").innerText(), /^(less infection|no clear change)$/);
  await page.locator("#regions > summary").click();
  const regions = await page.locator("#region-tables").innerText();
  assert.match(regions, /Lobes \(lobes by shape, not by fissures\)/);
  assert.match(regions, /Dice of \.91 \(right upper\), \.76 \(right middle\)/);
  const left = page.locator("#left canvas");
  await left.focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.waitForFunction(() => {
    const depth = (/** @type {string} */ side) => /** @type {HTMLElement | null} */ (document.querySelector(`#${side} canvas`))?.dataset.depth;
    return depth("left") === depth("right");
  });
  await compareText("compare", page);
});

test("two chest X-rays are compared, and zoom together", () => compareXrays(anna.page, anna.origin, compareText));

test("two people annotate a round at once", async () => {
  const { page, origin } = anna;
  const ben = await visitor(browser, server.address);
  await page.goto(`${origin}/round.html`);
  await page.waitForSelector("#rounds button");
  await compareText("rounds", page);
  const seen = { Anna: new Set(), Ben: new Set() };
  const enter = async (who, where) => {
    await where.goto(`${origin}/round.html`);
    await where.fill("#annotator", who);
    await where.click('button[aria-label="Annotate lungs"]');
    await where.waitForSelector("body[data-case]");
  };
  await enter("Anna", page);
  await enter("Ben", ben.page);
  const held = async (where) => where.locator("body").getAttribute("data-case");
  await page.waitForFunction(() => document.getElementById("progress")?.textContent?.includes("Ben"));
  await compareText("round", page);
  for (let turn = 0; turn < 12; ++turn) {
    for (const [who, where] of [["Anna", page], ["Ben", ben.page]]) {
      const now = await held(where);
      if (now === "none") continue;
      assert.notEqual(now, await held(who === "Anna" ? ben.page : page), "a case is held by one person");
      seen[who].add(now);
      if (who === "Ben" && seen.Ben.size === 2) {
        await where.keyboard.press(" ");
        const box = await where.locator("#panels canvas").boundingBox();
        await where.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
        await where.keyboard.press("Enter");
      } else {
        await where.keyboard.press(who === "Anna" ? "a" : "0");
      }
      await where.waitForFunction((last) => document.body.dataset.case !== last, now);
    }
    // The one who ran out of free cases comes back for what the other has given free.
    for (const [who, where] of [["Anna", page], ["Ben", ben.page]]) {
      if (await held(where) === "none" && seen[who].size < 4) await enter(who, where);
    }
    if (seen.Anna.size === 4 && seen.Ben.size === 4) break;
  }
  assert.deepEqual([seen.Anna.size, seen.Ben.size], [4, 4]);
  const status = JSON.parse(run("annotate", "status", join(workspace, "rounds/lungs"), "--json"));
  assert.match(JSON.stringify(status), /Anna/);
  assert.match(JSON.stringify(status), /Ben/);
  assert.deepEqual(ben.complaints, []);
  await ben.context.close();
});

test("proposals of stage two are accepted, rejected, or drawn anew", async () => {
  const { page, origin } = anna;
  await page.goto(`${origin}/round.html`);
  await page.click('button[aria-label="Annotate proposals"]');
  for (const answer of ["Enter", "0", " ", "a"]) {
    await page.waitForSelector("body[data-case]:not([data-case=none])");
    const now = await page.locator("body").getAttribute("data-case");
    assert.match(await page.locator("#stage-title").innerText(), /Is the proposal right/);
    await page.keyboard.press(answer);
    if (answer === " ") {
      // The proposal is the start of the drawing.
      const shot = () => page.locator("#panels canvas").screenshot();
      await page.keyboard.press("ArrowRight");
      await painted(page);
      const before_ = await shot();
      await page.keyboard.press(" ");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowLeft");
      await painted(page);
      assert.notDeepEqual(await shot(), before_, "drawn by keys alone");
      // The browser may die before it is handed in.
      await page.waitForFunction(() => Object.keys(localStorage).some((key) => key.startsWith("groundglass drawing")));
      await page.reload();
      await page.click('button[aria-label="Annotate proposals"]');
      await page.waitForSelector(`body[data-case="${now}"]`);
      await page.keyboard.press(" ");
      await page.waitForFunction(() => document.getElementById("status")?.textContent === "the drawing that was not handed in is back");
      await page.keyboard.press("Control+s");
    }
    await page.waitForFunction((last) => document.body.dataset.case !== last, now);
  }
  const status = JSON.parse(run("annotate", "status", join(workspace, "rounds/proposals"), "--json"));
  assert.match(JSON.stringify(status), /"chosen_or_drawn":3/);
});

test("a training is followed by its curves, folds and worst images", async () => {
  const { page, origin } = anna;
  await page.goto(`${origin}/runs.html?run=validated~fold_1`);
  await page.waitForSelector("#curves figure");
  await compareText("runs", page);
  assert.match(await page.locator("#folds").innerText(), /0\.779 ± 0\.000/);
  await page.click('#folds button[aria-label="Fold 0"]');
  await page.waitForFunction(() => document.getElementById("run-title")?.textContent === "validated~fold_0");
});

test("a network is trained on a round, and proposes in the next", () => trainAndProposeAgain(anna.page, anna.origin));

test("left and right, front and head are right however a volume is stored", () => checkOrientations(anna.page, anna.origin));

test("a study is fetched from a PACS, and its corrected mask sent back", () => fetchAndSend(browser, compareText));

test("a server that is killed under an open page loses no stroke", async () => {
  server = await surviveAKill(server, anna, study);
});

test("no page complained, and none asked anybody else", () => {
  assert.deepEqual(anna.complaints, []);
  assert.ok(existsSync(workspace));
});
