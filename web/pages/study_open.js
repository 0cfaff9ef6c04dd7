// Loading: the study, an image of it, and a version of its mask.

import { getJson } from "../modules/api.js";
import { CorrectionDesk } from "../modules/correction.js";
import { byId, fill, fixed, make, timeText } from "../modules/dom.js";
import { exportFormats } from "../modules/exports.js";
import { attempt, say } from "../modules/frame.js";
import { ThresholdMeasures } from "../modules/measures.js";
import {
  ancestorWith, arrivingVolume, imagePath, loadGradCam, loadImage, loadLungs, loadMask, loadProbability, loadVersion, planesOf,
} from "../modules/study_image.js";
import { sceneOf, Viewer } from "../modules/viewer.js";
import { windowsOf } from "../modules/windows.js";
import {
  enableControls, jumpTo, setThreshold, setWindow, showCamNote, showMask, showPanels, space, takeLayerSettings,
} from "./study_layers.js";
import { isPreview, state, studyId, thePath, wantedImage } from "./study_state.js";

/**
 * Loads an image and its newest version.
 * @param {import("../modules/api.js").Image} image
 */
export async function openImage(image) {
  const begun = performance.now();
  const turn = ++state.turn;
  state.desk?.close();
  state.viewer?.close();
  Object.assign(state, { desk: null, viewer: null, image, versions: [], detail: null, mask: null, thresholds: null, lungMl: null });
  if (image.problem) throw new Error(image.problem);
  say("reading the image", "working");
  /** @type {Promise<import("../modules/api.js").ImageVersion[]>} */
  const versionsAsked = getJson(`${imagePath(studyId, image.id)}/versions`);
  // A CT is looked at before all of it is there; other volumes need all values for their window.
  const arriving = image.modality === "CT" ? await arrivingVolume(studyId, image) : null;
  const volume = arriving?.volume ?? await loadImage(studyId, image);
  if (turn !== state.turn) return;
  state.windows = windowsOf(image, volume);
  const scene = sceneOf(volume, image.kind === "picture", state.windows[0]);
  const shown = new Viewer(byId("views", HTMLElement), scene, planesOf(image, volume), {
    onCross: () => { byId("place", HTMLElement).textContent = shown.crossText(); },
    onWindow: (low, high) => setWindow({ name: "own", low, high }),
    onDraw: (view, at, last) => state.desk?.draw(view, at, last),
    onDrawn: () => { state.desk?.drawn(); space.later(); },
  });
  shown.unit = image.modality === "CT" ? "HU" : "gray";
  state.viewer = shown;
  takeLayerSettings();
  shown.spaceButton?.addEventListener("click", () => attempt(() => space.show()));
  shown.moveTo(scene.cross);
  fill(byId("window", HTMLSelectElement), ...state.windows.map(({ name }) => make("option", { value: name }, name)));
  byId("invert-label", HTMLElement).hidden = image.kind === "volume";
  fill(byId("format", HTMLSelectElement), ...exportFormats(image).map(({ value, text }) => make("option", { value }, text)));
  const ownDesk = makeDesk(shown, image);
  state.desk = ownDesk;
  document.body.dataset.firstMs = (performance.now() - begun).toFixed(0);
  await arriving?.whole;
  if (turn !== state.turn) return;
  shown.moveTo(scene.cross);
  document.body.dataset.openedMs = (performance.now() - begun).toFixed(0);
  say("");
  state.versions = await versionsAsked;
  if (turn !== state.turn) return;
  await openVersion(state.versions.filter(({ state: s }) => s !== "failed").at(-1)?.version ?? null);
  await ownDesk.lookForDraft();
}

/**
 * Loads one version's mask, measures, probabilities and lungs.
 * @param {number | null} version null: there is none yet
 */
export async function openVersion(version) {
  const { image, versions } = state;
  if (!image || !state.viewer) return;
  const turn = ++state.turn;
  const { scene } = state.viewer;
  fill(byId("version", HTMLSelectElement), ...versions.map((one) => make("option", { value: String(one.version) },
    `${one.version}: ${one.author}${one.kind === "correction" ? " (corrected)" : ""}, ${timeText(one.time)}`)));
  if (version === null) {
    fill(byId("version", HTMLSelectElement), make("option", { value: "" }, "nobody yet"));
    scene.mask = null;
    showPanels();
    return;
  }
  byId("version", HTMLSelectElement).value = String(version);
  const look = async () => {
    const mask = await loadMask(studyId, image, version);
    if (mask.length !== scene.volume.data.length) throw new Error(`the mask of version ${version} is of another grid than the image`);
    return mask;
  };
  // A network's mask is there before its lesions are known.
  /** @type {Uint8Array | null} */
  let first = null;
  const asked = versions.find((one) => one.version === version);
  if (asked?.kind === "network" && asked.state === "measuring") {
    first = await look();
    if (turn !== state.turn) return;
    Object.assign(state, { mask: first, thresholds: null, detail: null });
    Object.assign(scene, { lungs: null, heat: null, cam: null });
    showMask();
    document.body.dataset.masked = String(version);
  }
  const detail = await measured(image.id, version, turn);
  if (detail === null) return;
  const mask = first ?? await look();
  if (turn !== state.turn) return;
  document.body.dataset.masked = String(version);
  Object.assign(state, { detail, mask, thresholds: null, lungMl: detail.measures?.lung_ml ?? null });
  scene.lungs = null;
  scene.heat = null;
  scene.cam = null;
  showCamNote();
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
  state.thresholds = heat && detail.kind === "network" ? new ThresholdMeasures(heat) : null;
  const model = heatFrom === null ? null : heatFrom === version ? detail.model : null;
  state.modelThreshold = model?.calibrated_threshold ?? model?.threshold ?? 0.5;
  state.desk?.offer(detail.model?.classes ?? []);
  setThreshold(state.modelThreshold);
  enableControls();
  state.viewer.moveTo(scene.cross);
  if (detail.has.includes("gradcam_layer")) await openGradCam();
  document.body.dataset.ready = String(version);
}

/**
 * Loads the Grad-CAM of the version on the screen; everything else stays as it is.
 * @param {{show?: boolean}} [options] show it at once
 */
export async function openGradCam({ show = false } = {}) {
  const { image, detail, turn } = state;
  if (!image || !detail || !state.viewer) return;
  const told = await loadVersion(studyId, image.id, detail.version);
  const cam = told.has.includes("gradcam_layer") ? await loadGradCam(studyId, image, detail.version) : null;
  if (turn !== state.turn || !state.viewer) return;
  state.detail = told;
  state.viewer.scene.cam = cam;
  if (show && cam) {
    ++state.explained;
    byId("cam-shown", HTMLInputElement).checked = true;
    takeLayerSettings();
    document.body.dataset.explained = String(state.explained);
  }
  showCamNote();
  showPanels();
  state.viewer.moveTo(state.viewer.scene.cross);
}

/**
 * A state.desk on which the image's masks are corrected.
 * @param {import("../modules/viewer.js").Viewer} shown
 * @param {import("../modules/api.js").Image} image
 */
function makeDesk(shown, image) {
  return new CorrectionDesk({ study: studyId, image, volume: shown.scene.volume }, {
    viewer: () => shown,
    shown: () => {
      if (!state.mask || !state.detail) return null;
      const preview = isPreview();
      const labels = preview && state.thresholds ? state.thresholds.mask(state.threshold) : state.mask.slice();
      return { labels, version: state.detail.version, origin: preview ? `threshold ${fixed(state.threshold, 2)}` : "" };
    },
    changed: () => { enableControls(); showMask(); },
    saved: async (version, labels) => {
      // What was drawn stays on the screen until the program has measured it.
      if (state.detail) {
        state.detail = { ...state.detail, version, kind: "correction", state: "measuring", measures: null, lesions: [], warnings: [] };
      }
      Object.assign(state, { mask: labels, thresholds: null });
      showPanels();
      showMask();
      state.versions = await getJson(`${thePath()}/versions`);
      await openVersion(version);
    },
    discarded: () => { enableControls(); showMask(); },
  });
}

/**
 * What is known about a version, once the program has measured it: its files appear with that.
 * @param {number} image
 * @param {number} version
 * @param {number} turn
 * @returns {Promise<import("../modules/api.js").VersionDetail | null>} null where something else is
 *   shown by then
 */
async function measured(image, version, turn) {
  for (;;) {
    const detail = await loadVersion(studyId, image, version);
    if (turn !== state.turn) return null;
    if (detail.state === "failed") throw new Error(`version ${version} could not be measured: ${detail.problem ?? ""}`);
    if (detail.state === "ready") return detail;
    await new Promise((resolve) => setTimeout(resolve, 300));
    if (turn !== state.turn) return null;
  }
}

export async function openStudy() {
  /** @type {import("../modules/api.js").Study} */
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
  const wanted = study.images.find(({ id }) => String(id) === wantedImage) ?? study.images[0];
  if (!wanted) throw new Error("the study has no image that can be shown");
  choice.value = String(wanted.id);
  await openImage(wanted);
}
