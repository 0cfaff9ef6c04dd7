// One study: its image with everything that is known about it.

import { follow, getJson, send } from "../modules/api.js";
import { CorrectionDesk } from "../modules/correction.js";
import { byId, durationText, fill, fixed, make, mlText, percentText, timeText } from "../modules/dom.js";
import { exportFormats, runExport } from "../modules/exports.js";
import { attempt, footer, frame, say, shortcuts } from "../modules/frame.js";
import { amountOf, countMarked, countVoxels, ThresholdMeasures, voxelMl } from "../modules/measures.js";
import { showLesions, showMeasures, showWarnings } from "../modules/side_panels.js";
import {
  ancestorWith, imagePath, loadImage, loadLungs, loadMask, loadProbability, loadVersion, planesOf, readLabels,
} from "../modules/study_image.js";
import { sceneOf, Viewer } from "../modules/viewer.js";
import { windowsOf } from "../modules/windows.js";

/** @typedef {import("../modules/api.js").Study} Study */
/** @typedef {import("../modules/api.js").Image} Image */
/** @typedef {import("../modules/api.js").ImageVersion} ImageVersion */
/** @typedef {import("../modules/api.js").VersionDetail} VersionDetail */
/** @typedef {import("../modules/api.js").Job} Job */

const query = new URLSearchParams(location.search);
const studyId = query.get("study") ?? "";

/** Everything about the image on the screen. */
const state = {
  /** @type {Study | null} */ study: null,
  /** @type {Image | null} */ image: null,
  /** @type {ImageVersion[]} */ versions: [],
  /** @type {VersionDetail | null} */ detail: null,
  /** The mask of the version. @type {Uint8Array | null} */ mask: null,
  /** @type {ThresholdMeasures | null} */ thresholds: null,
  /** @type {number | null} */ lungVoxels: null,
  threshold: 0.5,
  modelThreshold: 0.5,
  /** Counts loads, so that answers to an older one are thrown away. */
  turn: 0,
};
/** @type {Viewer | null} */
let viewer = null;
/** @type {CorrectionDesk | null} */
let desk = null;
/** @type {import("../modules/windows.js").NamedWindow[]} */
let windows = [];

const thePath = () => imagePath(studyId, state.image?.id ?? 0);

/** Whether the slider has been moved away from the model's threshold. */
const isPreview = () => state.detail?.kind === "network" && state.thresholds !== null
  && Math.abs(state.threshold - state.modelThreshold) > 1e-9;

/** Puts the mask that is meant on the scene: the drawn one, the threshold's, or the version's. */
function showMask() {
  if (!viewer) return;
  const { scene } = viewer;
  if (desk?.editor) [scene.mask, scene.maskIsLabels] = [{ data: desk.editor.labels, cut: 1 }, true];
  else if (isPreview() && state.thresholds) {
    [scene.mask, scene.maskIsLabels] = [{ data: state.thresholds.data, cut: state.thresholds.cut(state.threshold) }, false];
  } else [scene.mask, scene.maskIsLabels] = [state.mask ? { data: state.mask, cut: 1 } : null, true];
  viewer.redraw();
  showAmount();
}

/** Infection in ml and as a share of the lungs, of the mask on the screen. */
function showAmount() {
  const { detail, image } = state;
  const ml = image?.kind === "volume" && viewer ? voxelMl(viewer.scene.volume.affine) : null;
  const scale = { ml, lungVoxels: state.lungVoxels };
  /** @type {import("../modules/measures.js").Amount | null} */
  let amount = null;
  let note = "";
  if (desk?.editor) {
    amount = amountOf({ voxels: desk.editor.marked, outsideLungs: desk.editor.markedOutside }, scale);
    note = `being corrected: version ${desk.parent}, not saved`;
  } else if (isPreview() && state.thresholds) {
    amount = amountOf(state.thresholds.count(state.threshold), scale);
    note = `at threshold ${fixed(state.threshold, 2)}, from the stored probabilities; the model's is ${fixed(state.modelThreshold, 2)}`;
  } else if (detail?.measures) {
    const { measures } = detail;
    amount = { voxels: measures.lesion_pixels, ml: measures.lesion_ml ?? null, share: measures.lesion_fraction_of_lung ?? null };
    note = detail.kind === "network" ? `at the model's threshold ${fixed(state.modelThreshold, 2)}` : `corrected by ${detail.author}`;
  } else if (state.mask) {
    amount = amountOf(countMarked(state.mask, viewer?.scene.lungs ?? null), scale);
    note = "counted here; the program's measures follow";
  }
  if (amount && amount.share === null && ml !== null) note += "; the share is known where lungs are";
  const output = byId("ml", HTMLElement);
  output.textContent = amount === null ? "–" : amount.ml === null ? `${amount.voxels} px` : mlText(amount.ml);
  output.dataset.value = String(amount?.ml ?? amount?.voxels ?? "");
  const share = byId("share", HTMLElement);
  share.textContent = amount === null || amount.share === null ? "" : percentText(amount.share);
  byId("share-of", HTMLElement).textContent = share.textContent ? "of the lungs" : "";
  share.dataset.value = String(amount?.share ?? "");
  byId("amount-note", HTMLElement).textContent = note;
}

/** @param {number} threshold */
function setThreshold(threshold) {
  state.threshold = Math.max(0.01, Math.min(0.99, threshold));
  byId("threshold", HTMLInputElement).value = String(state.threshold);
  byId("threshold-text", HTMLElement).textContent = fixed(state.threshold, 2);
  showMask();
  space.later();
}

/** The picture in space follows the mask a little later: it is slow to make. */
const space = {
  /** @type {number | undefined} */ timer: undefined,
  async show() {
    if (!viewer?.space) return;
    const { scene } = viewer;
    viewer.spaceButton?.remove();
    say("making the picture in space", "working");
    await viewer.space.show(scene.volume, scene.lungs, scene.mask);
    say("");
  },
  later() {
    if (!viewer?.space?.niivue) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => attempt(() => this.show()), 400);
  },
};

/**
 * Loads an image and its newest version.
 * @param {Image} image
 */
async function openImage(image) {
  const begun = performance.now();
  const turn = ++state.turn;
  desk?.close();
  viewer?.close();
  [desk, viewer] = [null, null];
  Object.assign(state, { image, versions: [], detail: null, mask: null, thresholds: null, lungVoxels: null });
  if (image.problem) throw new Error(image.problem);
  say("reading the image", "working");
  const versionsAsked = getJson(`${imagePath(studyId, image.id)}/versions`);
  const volume = await loadImage(studyId, image);
  if (turn !== state.turn) return;
  windows = windowsOf(image, volume);
  const scene = sceneOf(volume, image.kind === "picture", windows[0]);
  const shown = new Viewer(byId("views", HTMLElement), scene, planesOf(image, volume), {
    onCross: () => { byId("place", HTMLElement).textContent = shown.crossText(); },
    onWindow: (low, high) => setWindow({ name: "own", low, high }),
    onDraw: (view, at, last) => desk?.draw(view, at, last),
    onDrawn: () => { desk?.drawn(); space.later(); },
  });
  shown.unit = image.modality === "CT" ? "HU" : "gray";
  viewer = shown;
  takeLayerSettings();
  shown.spaceButton?.addEventListener("click", () => attempt(() => space.show()));
  shown.moveTo(scene.cross);
  fill(byId("window", HTMLSelectElement), ...windows.map(({ name }) => make("option", { value: name }, name)));
  byId("invert-label", HTMLElement).hidden = image.kind === "volume";
  fill(byId("format", HTMLSelectElement), ...exportFormats(image).map(({ value, text }) => make("option", { value }, text)));
  document.body.dataset.openedMs = (performance.now() - begun).toFixed(0);
  say("");
  state.versions = await versionsAsked;
  if (turn === state.turn) await openVersion(state.versions.filter(({ state: s }) => s !== "failed").at(-1)?.version ?? null);
}

/**
 * Loads one version's mask, measures, probabilities and lungs.
 * @param {number | null} version null: there is none yet
 */
async function openVersion(version) {
  const { image, versions } = state;
  if (!image || !viewer) return;
  const turn = ++state.turn;
  const { scene } = viewer;
  fill(byId("version", HTMLSelectElement), ...versions.map((one) => make("option", { value: String(one.version) },
    `${one.version}: ${one.author}${one.kind === "correction" ? " (corrected)" : ""}, ${timeText(one.time)}`)));
  if (version === null) {
    fill(byId("version", HTMLSelectElement), make("option", { value: "" }, "nobody yet"));
    scene.mask = null;
    showPanels();
    return;
  }
  byId("version", HTMLSelectElement).value = String(version);
  const [detail, mask] = await Promise.all([loadVersion(studyId, image.id, version), loadMask(studyId, image, version)]);
  if (turn !== state.turn) return;
  if (mask.length !== scene.volume.data.length) throw new Error(`the mask of version ${version} is of another grid than the image`);
  Object.assign(state, { detail, mask, thresholds: null, lungVoxels: null });
  scene.lungs = null;
  scene.heat = null;
  showPanels();
  showMask();
  if (detail.lesions[0]) jumpTo(detail.lesions[0]);
  // The rest may be large and is not needed for the first look.
  const lungsFrom = ancestorWith(versions, version, "lungs");
  const heatFrom = ancestorWith(versions, version, "probability");
  const lungs = lungsFrom === null ? null : await loadLungs(studyId, image, lungsFrom);
  const heat = heatFrom === null ? null : await loadProbability(studyId, image, heatFrom);
  if (turn !== state.turn) return;
  scene.lungs = lungs;
  scene.heat = heat;
  state.lungVoxels = countVoxels(lungs);
  state.thresholds = heat && detail.kind === "network" ? new ThresholdMeasures(heat, lungs) : null;
  const model = heatFrom === null ? null : heatFrom === version ? detail.model : null;
  state.modelThreshold = model?.calibrated_threshold ?? model?.threshold ?? 0.5;
  makeDesk();
  setThreshold(state.modelThreshold);
  showPanels();
  viewer.moveTo(scene.cross);
  document.body.dataset.ready = String(version);
}

/** A desk for the image; the one that is there stays while something is drawn. */
function makeDesk() {
  const { image } = state;
  if (!image || !viewer || desk) return;
  const { scene } = viewer;
  desk = new CorrectionDesk({
    study: studyId, image, volume: scene.volume, classes: state.detail?.model?.classes ?? [],
  }, {
    viewer: () => /** @type {Viewer} */ (viewer),
    shown: () => {
      if (!state.mask || !state.detail) return null;
      const preview = isPreview();
      const labels = preview && state.thresholds ? state.thresholds.mask(state.threshold) : state.mask.slice();
      return {
        labels, lungs: scene.lungs, version: state.detail.version,
        origin: preview ? `threshold ${fixed(state.threshold, 2)}` : "",
      };
    },
    changed: () => { showPanels(); showMask(); },
    saved: async (version) => {
      state.versions = await getJson(`${thePath()}/versions`);
      await openVersion(version);
      await whenMeasured(version);
    },
    discarded: () => { showPanels(); showMask(); },
  });
  desk.lookForDraft();
}

/**
 * Shows a saved version's measures once the program has them.
 * @param {number} version
 */
async function whenMeasured(version) {
  const image = state.image?.id;
  for (let round = 0; round < 240; ++round) {
    if (image === undefined || state.detail?.version !== version || state.image?.id !== image) return;
    const detail = await loadVersion(studyId, image, version);
    if (detail.state !== "measuring") {
      state.detail = detail;
      if (detail.state === "failed") say(`error: version ${version} could not be measured: ${detail.problem ?? ""}`, "wrong");
      showPanels();
      showAmount();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Lesions, measures, warnings and what can be done now. */
function showPanels() {
  const { detail, image } = state;
  showWarnings(byId("warnings", HTMLElement), [...(image?.warnings ?? []), ...(detail?.warnings ?? [])]);
  showLesions(byId("lesions", HTMLElement), detail, jumpTo);
  showMeasures(byId("measures", HTMLElement), detail);
  const editing = Boolean(desk?.editor);
  const enable = (/** @type {string} */ id, /** @type {boolean} */ on) => {
    const control = /** @type {HTMLInputElement | null} */ (document.getElementById(id));
    if (control) control.disabled = !on;
  };
  enable("threshold", state.thresholds !== null && !editing);
  enable("threshold-reset", state.thresholds !== null && !editing);
  enable("heat-shown", Boolean(viewer?.scene.heat));
  enable("lungs-shown", Boolean(viewer?.scene.lungs));
  enable("version", state.versions.length > 0 && !editing);
  enable("gradcam", detail?.kind === "network");
  enable("export-start", detail !== null && !editing);
  enable("report", detail !== null);
  const hasMap = Boolean(detail?.has.includes("gradcam"));
  const picture = byId("gradcam-picture", HTMLImageElement);
  byId("gradcam-figure", HTMLElement).hidden = !hasMap;
  const address = hasMap ? `/api/v1${thePath()}/versions/${detail?.version}/gradcam.png` : "";
  if (hasMap && picture.getAttribute("src") !== address) picture.src = address;
}

/** @param {import("../modules/api.js").Lesion} lesion */
function jumpTo(lesion) {
  const [i, j, k = 0] = lesion.point_voxel;
  for (const button of document.querySelectorAll("#lesions button")) {
    if (/** @type {HTMLElement} */ (button).dataset.lesion === String(lesion.id)) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  const last = viewer?.scene.volume.dims.map((size) => size - 1) ?? [0, 0, 0];
  viewer?.moveTo([Math.min(i, last[0]), Math.min(j, last[1]), Math.min(k, last[2])]);
}

/** @param {number} step 1 for the next smaller lesion, -1 for the next larger */
function stepLesion(step) {
  const lesions = state.detail?.lesions ?? [];
  if (lesions.length === 0) return;
  const current = document.querySelector("#lesions button[aria-current]");
  const at = lesions.findIndex((lesion) => String(lesion.id) === /** @type {HTMLElement | null} */ (current)?.dataset.lesion);
  jumpTo(lesions[(at + step + lesions.length) % lesions.length]);
}

/** @param {import("../modules/windows.js").NamedWindow} window */
function setWindow({ name, low, high }) {
  if (!viewer) return;
  viewer.scene.window = { low, high };
  if (windows.some((other) => other.name === name)) byId("window", HTMLSelectElement).value = name;
  viewer.redraw();
  if (name === "own") say(`window from ${fixed(low, 0)} to ${fixed(high, 0)}`);
}

function takeLayerSettings() {
  if (!viewer) return;
  const { scene } = viewer;
  const checked = (/** @type {string} */ id) => byId(id, HTMLInputElement).checked;
  scene.maskShown = checked("mask-shown");
  scene.maskStyle = byId("mask-style", HTMLSelectElement).value === "outline" ? "outline" : "fill";
  scene.maskOpacity = Number(byId("mask-opacity", HTMLInputElement).value);
  scene.heatShown = checked("heat-shown");
  scene.lungsShown = checked("lungs-shown");
  scene.crossShown = checked("cross");
  scene.inverted = checked("invert") && scene.isPicture;
  viewer.redraw();
}

/** @param {string} id of a checkbox, or of a choice that steps on */
function toggle(id) {
  const control = document.getElementById(id);
  if (control instanceof HTMLInputElement && !control.disabled) control.checked = !control.checked;
  if (control instanceof HTMLSelectElement) control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
  control?.dispatchEvent(new Event("change"));
}

/**
 * Shows a job of this study, and what it made when it is done.
 * @param {Job} job
 */
async function onJob(job) {
  if (job.study !== studyId) return;
  const running = job.state === "running" || job.state === "queued";
  byId("job", HTMLElement).hidden = !running;
  const left = job.eta_s === null ? "" : `, ${durationText(job.eta_s)} left`;
  byId("job-text", HTMLElement).textContent = `${job.kind}: ${job.state} ${job.what}${left}`;
  const bar = byId("job-progress", HTMLProgressElement);
  if (job.total > 0) [bar.max, bar.value] = [job.total, job.done];
  else bar.removeAttribute("value");
  byId("job-cancel", HTMLButtonElement).onclick = () => attempt(() => send("DELETE", `/jobs/${job.id}`));
  byId("segment", HTMLButtonElement).disabled = running && job.kind === "predict";
  if (job.state === "failed") say(`error: ${job.error?.error ?? `${job.kind} failed`}`, "wrong");
  if (job.partial && job.partial.image === state.image?.id && running) await attempt(() => showPartial(job));
  if (job.state !== "done" || !state.image) return;
  if (job.kind === "import") await attempt(openStudy);
  if (job.kind === "predict" || job.kind === "explain") {
    await attempt(async () => {
      state.versions = await getJson(`${thePath()}/versions`);
      if (desk?.editor) say("a new version is there; it is in the list when you have saved or discarded");
      else if (job.kind === "explain") await openVersion(state.detail?.version ?? null);
      else await openVersion(state.versions.at(-1)?.version ?? null);
    });
  }
}

/**
 * The slices that are segmented so far.
 * @param {Job} job
 */
async function showPartial(job) {
  if (!job.partial || !state.image || !viewer || state.detail) return;
  const response = await fetch(job.partial.url);
  if (!response.ok) return;
  const labels = await readLabels(state.image, await response.arrayBuffer());
  if (labels.length !== viewer.scene.volume.data.length || state.detail) return;
  state.mask = labels;
  showMask();
  byId("amount-note", HTMLElement).textContent = `so far: ${job.partial.slices} of ${job.total} slices`;
}

async function openStudy() {
  /** @type {Study} */
  const study = await getJson(`/studies/${encodeURIComponent(studyId)}`);
  state.study = study;
  byId("title", HTMLElement).textContent = study.name;
  document.title = `${study.name} - GroundGlass`;
  if (study.state === "failed") throw new Error(study.problem ?? "the study could not be imported");
  if (study.state !== "ready") {
    say("the study is being imported", "working");
    return;
  }
  const choice = byId("image", HTMLSelectElement);
  fill(choice, ...study.images.map(({ id, name }) => make("option", { value: String(id) }, name)));
  byId("image-label", HTMLElement).hidden = study.images.length < 2;
  const wanted = study.images.find(({ id }) => String(id) === query.get("image")) ?? study.images[0];
  if (!wanted) throw new Error("the study has no image that can be shown");
  choice.value = String(wanted.id);
  await openImage(wanted);
}

async function listModels() {
  /** @type {import("../modules/api.js").Model[]} */
  const models = await getJson("/models");
  fill(byId("model", HTMLSelectElement), make("option", { value: "" }, "the usual one"),
    ...models.map(({ name, modality }) => make("option", { value: name }, modality ? `${name} (${modality})` : name)));
}

/** @param {"predict"|"explain"|"report"} kind */
function startJob(kind) {
  return attempt(async () => {
    const version = state.detail?.version;
    const model = byId("model", HTMLSelectElement).value;
    const job = await send("POST", `/studies/${encodeURIComponent(studyId)}/jobs`, {
      kind, ...(kind === "predict" && model ? { model } : {}),
      ...(kind === "explain" ? { image: state.image?.id, version } : {}),
    });
    say(`${kind} is queued`);
    await onJob(job);
  });
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
    const found = windows.find(({ name }) => name === byId("window", HTMLSelectElement).value);
    if (found) setWindow(found);
  });
  for (const id of ["mask-shown", "mask-style", "heat-shown", "lungs-shown", "cross", "invert"]) on(id, "change", takeLayerSettings);
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
  on("zoom-in", "click", () => viewer?.active.zoomBy(1.25));
  on("zoom-out", "click", () => viewer?.active.zoomBy(0.8));
  on("zoom-reset", "click", () => viewer?.active.zoomBy(0));
}

/** @returns {import("../modules/frame.js").Shortcut[]} */
function keys() {
  const move = (/** @type {number} */ dx, /** @type {number} */ dy) => () => viewer?.active.move(dx, dy, 0);
  return [
    { keys: ["ArrowUp", "PageUp"], text: "next slice of the plane that has the focus", run: () => viewer?.active.scroll(1) },
    { keys: ["ArrowDown", "PageDown"], text: "slice before", run: () => viewer?.active.scroll(-1) },
    { keys: ["Shift+ArrowLeft", "ArrowLeft"], text: "cross-hair to the left", run: move(-1, 0) },
    { keys: ["Shift+ArrowRight", "ArrowRight"], text: "cross-hair to the right", run: move(1, 0) },
    { keys: ["Shift+ArrowUp"], text: "cross-hair up", run: move(0, -1) },
    { keys: ["Shift+ArrowDown"], text: "cross-hair down", run: move(0, 1) },
    { keys: ["a"], text: "axial plane", run: () => viewer?.focus("axial") },
    { keys: ["c"], text: "coronal plane", run: () => viewer?.focus("coronal") },
    { keys: ["s"], text: "sagittal plane", run: () => viewer?.focus("sagittal") },
    { keys: ["x"], text: "this plane alone, or all (double-click)", run: () => viewer && viewer.enlarge(viewer.active) },
    { keys: ["3"], text: "lungs and infection in space", run: () => attempt(() => space.show()) },
    { keys: ["w"], text: "next window", run: () => toggle("window") },
    { keys: ["v"], text: "invert (pictures)", run: () => toggle("invert") },
    { keys: ["+", "="], text: "zoom in", run: () => viewer?.active.zoomBy(1.25) },
    { keys: ["-"], text: "zoom out", run: () => viewer?.active.zoomBy(0.8) },
    { keys: ["0"], text: "whole picture", run: () => viewer?.active.zoomBy(0) },
    { keys: ["m"], text: "mask on or off", run: () => toggle("mask-shown") },
    { keys: ["o"], text: "mask as area or outline", run: () => toggle("mask-style") },
    { keys: ["h"], text: "probability on or off", run: () => toggle("heat-shown") },
    { keys: ["l"], text: "lungs on or off", run: () => toggle("lungs-shown") },
    { keys: [","], text: "threshold 0.01 lower", run: () => state.thresholds && !desk?.editor && setThreshold(state.threshold - 0.01) },
    { keys: ["."], text: "threshold 0.01 higher", run: () => state.thresholds && !desk?.editor && setThreshold(state.threshold + 0.01) },
    { keys: ["n"], text: "next lesion", run: () => stepLesion(1) },
    { keys: ["p"], text: "lesion before", run: () => stepLesion(-1) },
    { keys: ["b"], text: "brush", run: () => desk?.choose("brush") },
    { keys: ["e"], text: "eraser", run: () => desk?.choose("eraser") },
    { keys: ["f"], text: "fill", run: () => desk?.choose("fill") },
    { keys: ["Escape"], text: "look without drawing", run: () => desk?.choose("look") },
    { keys: [" "], text: "use the tool at the cross-hair", run: () => desk?.drawAtCross() },
    { keys: ["["], text: "smaller brush", run: () => desk?.resizeBrush(-1) },
    { keys: ["]"], text: "larger brush", run: () => desk?.resizeBrush(1) },
    { keys: ["i"], text: "fill the slices between the last two drawn on", run: () => desk?.interpolate() },
    { keys: ["Ctrl+z"], text: "undo", run: () => desk?.undo() },
    { keys: ["Ctrl+y", "Ctrl+Z"], text: "redo", run: () => desk?.redo() },
    { keys: ["Ctrl+s"], text: "save as a new version", run: () => desk?.save() },
  ];
}

frame("study");
byId("keys", HTMLButtonElement).onclick = shortcuts(keys);
listen();
showPanels();
attempt(async () => {
  await Promise.all([openStudy(), listModels(), footer()]);
  follow({
    job: onJob,
    study: (/** @type {Study} */ study) => {
      if (study.id === studyId && state.study?.state !== "ready" && study.state !== "importing") attempt(openStudy);
    },
    gone: ({ id }) => { if (id === studyId) say("error: this study was deleted", "wrong"); },
  }, studyId);
  for (const job of (/** @type {Job[]} */ (await getJson(`/jobs?study=${encodeURIComponent(studyId)}`))).reverse()) {
    if (job.state === "running" || job.state === "queued") await onJob(job);
  }
});
