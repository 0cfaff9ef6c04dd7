// One study: its image with everything that is known about it.

import { getJson } from "../modules/api.js";
import { follow } from "../modules/connection.js";
import { byId, fill, make } from "../modules/dom.js";
import { runExport } from "../modules/exports.js";
import { offerDestinations, sendToPacs } from "../modules/pacs.js";
import { attempt, footer, frame, say, shortcuts } from "../modules/frame.js";
import { onJob, startJob } from "./study_jobs.js";
import { keys } from "./study_keys.js";
import { setThreshold, setWindow, showPanels, takeLayerSettings } from "./study_layers.js";
import { openImage, openStudy, openVersion } from "./study_open.js";
import { state, studyId } from "./study_state.js";

/** @typedef {import("../modules/api.js").Study} Study */
/** @typedef {import("../modules/api.js").Job} Job */

async function listModels() {
  /** @type {import("../modules/api.js").Model[]} */
  const models = await getJson("/models");
  fill(byId("model", HTMLSelectElement), make("option", { value: "" }, "the usual one"),
    ...models.map(({ name, modality }) => make("option", { value: name }, modality ? `${name} (${modality})` : name)));
}

/** Jobs of the study that run or wait. */
async function showJobs() {
  for (const job of (/** @type {Job[]} */ (await getJson(`/jobs?study=${encodeURIComponent(studyId)}`))).reverse()) {
    if (job.state === "running" || job.state === "queued") await onJob(job);
  }
}

function listen() {
  const on = (/** @type {string} */ id, /** @type {string} */ event, /** @type {() => unknown} */ run) =>
    byId(id, HTMLElement).addEventListener(event, run);
  on("image", "change", () => attempt(async () => {
    const id = byId("image", HTMLSelectElement).value;
    const image = state.study?.images.find((one) => String(one.id) === id);
    if (image) await openImage(image);
  }));
  on("window", "change", () => {
    const found = state.windows.find(({ name }) => name === byId("window", HTMLSelectElement).value);
    if (found) setWindow(found);
  });
  for (const id of ["mask-shown", "mask-style", "heat-shown", "cam-shown", "lungs-shown", "cross", "invert"]) on(id, "change", takeLayerSettings);
  on("mask-opacity", "input", takeLayerSettings);
  on("threshold", "input", () => setThreshold(Number(byId("threshold", HTMLInputElement).value)));
  on("threshold-reset", "click", () => setThreshold(state.modelThreshold));
  on("version", "change", () => attempt(() => openVersion(Number(byId("version", HTMLSelectElement).value))));
  on("segment", "click", () => startJob("predict"));
  on("gradcam", "click", () => startJob("explain"));
  on("export-start", "click", () => attempt(() => runExport({
    study: studyId, image: state.image?.id ?? 0, version: state.detail?.version ?? 0,
    format: byId("format", HTMLSelectElement).value,
  }, byId("export-link", HTMLElement))));
  on("report", "click", () => attempt(() => runExport({ study: studyId, format: "report" }, byId("export-link", HTMLElement))));
  on("pacs-send", "click", () => attempt(() => sendToPacs({
    study: studyId, image: state.image?.id ?? 0, version: state.detail?.version ?? 0, to: byId("pacs", HTMLSelectElement).value,
  })));
  on("zoom-in", "click", () => state.viewer?.active.zoomBy(1.25));
  on("zoom-out", "click", () => state.viewer?.active.zoomBy(0.8));
  on("zoom-reset", "click", () => state.viewer?.active.zoomBy(0));
}

frame("study");
byId("keys", HTMLButtonElement).onclick = shortcuts(keys);
listen();
showPanels();
attempt(async () => {
  await Promise.all([openStudy(), listModels(), footer(), offerDestinations(byId("pacs", HTMLSelectElement), byId("pacs-row", HTMLElement))]);
  follow({
    job: onJob,
    study: (/** @type {Study} */ study) => {
      if (study.id === studyId && state.study?.state !== "ready" && study.state !== "importing") attempt(openStudy);
    },
    gone: ({ id }) => { if (id === studyId) say("error: this study was deleted", "wrong"); },
  }, { study: studyId, again: () => attempt(async () => {
    await state.desk?.keepDraft();
    await showJobs();
  }) });
  await showJobs();
});
