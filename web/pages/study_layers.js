// The mask and the layers on the screen, and what stands beside them.

import { addressOf } from "../modules/api.js";
import { byId, fixed, mlText, percentText } from "../modules/dom.js";
import { attempt, say } from "../modules/frame.js";
import { amountOf, countMarked, shareOfPicture, voxelMl } from "../modules/measures.js";
import { showLesions, showMeasures, showWarnings } from "../modules/side_panels.js";
import { isPreview, state, thePath } from "./study_state.js";

/** Puts the mask that is meant on the scene: the drawn one, the threshold's, or the version's. */
export function showMask() {
  if (!state.viewer) return;
  const { scene } = state.viewer;
  if (state.desk?.editor) [scene.mask, scene.maskIsLabels] = [{ data: state.desk.editor.labels, cut: 1 }, true];
  else if (isPreview() && state.thresholds) {
    [scene.mask, scene.maskIsLabels] = [{ data: state.thresholds.data, cut: state.thresholds.cut(state.threshold) }, false];
  } else [scene.mask, scene.maskIsLabels] = [state.mask ? { data: state.mask, cut: 1 } : null, true];
  state.viewer.redraw();
  showAmount();
}

/**
 * The share of an X-ray's lungs; null where the program gave none.
 * @param {ArrayLike<number>} data
 * @param {number} cut
 */
function shareOnPicture(data, cut) {
  const { measures } = state.detail ?? {};
  const lungs = state.image?.kind === "picture" ? state.viewer?.scene.lungs : null;
  if (!lungs || !measures || measures.lesion_fraction_of_lung === null) return null;
  const pixels = (measures.severity?.regions ?? []).reduce((/** @type {number} */ sum, /** @type {any} */ { voxels }) => sum + voxels, 0);
  return shareOfPicture(data, cut, lungs, pixels);
}

/** Infection in ml and as a share of the lungs, of the mask on the screen. */
export function showAmount() {
  const { detail, image } = state;
  const ml = image?.kind === "volume" && state.viewer ? voxelMl(state.viewer.scene.volume.affine) : null;
  const scale = { voxelMl: ml, lungMl: state.lungMl };
  /** @type {import("../modules/measures.js").Amount | null} */
  let amount = null;
  let note = "";
  if (state.desk?.editor) {
    amount = amountOf(state.desk.editor.marked, scale);
    amount.share ??= shareOnPicture(state.desk.editor.labels, 1);
    note = `being corrected: version ${state.desk.parent}, not saved`;
  } else if (isPreview() && state.thresholds) {
    amount = amountOf(state.thresholds.count(state.threshold), scale);
    amount.share ??= shareOnPicture(state.thresholds.data, state.thresholds.cut(state.threshold));
    note = `at threshold ${fixed(state.threshold, 2)}, from the stored probabilities; the model's is ${fixed(state.modelThreshold, 2)}`;
  } else if (detail?.measures) {
    const { measures } = detail;
    amount = { voxels: measures.lesion_pixels, ml: measures.lesion_ml ?? null, share: measures.lesion_fraction_of_lung ?? null };
    note = detail.kind === "network" ? `at the model's threshold ${fixed(state.modelThreshold, 2)}` : `corrected by ${detail.author}`;
  } else if (state.mask) {
    amount = amountOf(countMarked(state.mask), scale);
    note = "counted here; the program's measures follow";
  }
  const output = byId("ml", HTMLElement);
  output.textContent = amount === null ? "–" : amount.ml === null ? `${amount.voxels} pixels` : mlText(amount.ml);
  output.dataset.value = String(amount?.ml ?? amount?.voxels ?? "");
  const share = byId("share", HTMLElement);
  share.textContent = amount === null || amount.share === null ? "" : percentText(amount.share);
  byId("share-of", HTMLElement).textContent = share.textContent ? "of the lungs" : "";
  share.dataset.value = String(amount?.share ?? "");
  byId("amount-note", HTMLElement).textContent = note;
}

/** @param {number} threshold */
export function setThreshold(threshold) {
  state.threshold = Math.max(0.01, Math.min(0.99, threshold));
  byId("threshold", HTMLInputElement).value = String(state.threshold);
  byId("threshold-text", HTMLElement).textContent = fixed(state.threshold, 2);
  showMask();
  space.later();
}

/** The picture in space follows the mask a little later: it is slow to make. */
export const space = {
  /** @type {number | undefined} */ timer: undefined,
  async show() {
    if (!state.viewer?.space) return;
    const { scene } = state.viewer;
    state.viewer.spaceButton?.remove();
    say("making the picture in space", "working");
    await state.viewer.space.show(scene.volume, scene.lungs, scene.mask);
    say("");
  },
  later() {
    if (!state.viewer?.space?.niivue) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => attempt(() => this.show()), 400);
  },
};

/** Lesions, measures, warnings, Grad-CAM and what can be done now. */
export function showPanels() {
  const { detail, image } = state;
  showWarnings(byId("warnings", HTMLElement), [
    ...(image?.warnings ?? []), ...(detail?.warnings ?? []), ...(detail?.model?.caution ? [`${detail.model.name}: ${detail.model.caution}`] : []),
  ]);
  showLesions(byId("lesions", HTMLElement), detail, jumpTo);
  showMeasures(byId("measures", HTMLElement), detail);
  const isPicture = image?.kind === "picture";
  byId("gradcam", HTMLElement).textContent = isPicture ? "of this image" : "of this slice";
  byId("gradcam-of", HTMLElement).textContent = isPicture ? "Image, mask and map" : "The slice that was asked for last";
  const hasMap = Boolean(detail?.has.includes("gradcam"));
  const picture = byId("gradcam-picture", HTMLImageElement);
  byId("gradcam-figure", HTMLElement).hidden = !hasMap;
  // Each slice that is explained writes another picture.
  const address = hasMap ? addressOf(`${thePath()}/versions/${detail?.version}/gradcam.png?n=${state.explained}`) : "";
  if (hasMap && picture.getAttribute("src") !== address) {
    picture.src = address;
    byId("gradcam-link", HTMLAnchorElement).href = address;
  }
  enableControls();
}

/** What can be done now. */
export function enableControls() {
  const { detail } = state;
  const editing = Boolean(state.desk?.editor);
  const enable = (/** @type {string} */ id, /** @type {boolean} */ on) => {
    const control = /** @type {HTMLInputElement | null} */ (document.getElementById(id));
    if (control) control.disabled = !on;
  };
  enable("threshold", state.thresholds !== null && !editing);
  enable("threshold-reset", state.thresholds !== null && !editing);
  enable("heat-shown", Boolean(state.viewer?.scene.heat));
  enable("lungs-shown", Boolean(state.viewer?.scene.lungs));
  enable("cam-shown", Boolean(state.viewer?.scene.cam));
  enable("version", state.versions.length > 0 && !editing);
  enable("gradcam", detail?.kind === "network");
  enable("export-start", detail !== null && !editing);
  enable("report", detail !== null);
  enable("pacs-send", detail !== null && !editing && Boolean(state.image?.dicom));
}

/** Says which slices have a Grad-CAM, where the image has slices, and whether it shows anything. */
export function showCamNote() {
  const cam = state.viewer?.scene.cam;
  const slices = cam && state.detail ? state.detail.gradcam_slices : [];
  if (cam && !cam.data.some((value) => value > 0)) {
    byId("cam-note", HTMLElement).textContent = "The map is empty: nothing there speaks for infection.";
    return;
  }
  const shown = slices.slice(0, 8).map((slice) => slice + 1).join(", ");
  const covered = "The mask covers it: show the mask as outline.";
  byId("cam-note", HTMLElement).textContent = !cam ? "" : slices.length === 0 ? covered
    : `There is one of axial slice${slices.length > 1 ? "s" : ""} ${shown}${slices.length > 8 ? ", .." : ""}. ${covered}`;
}

/** @param {import("../modules/api.js").Lesion} lesion */
export function jumpTo(lesion) {
  const [i, j, k = 0] = lesion.point_voxel;
  for (const button of document.querySelectorAll("#lesions button")) {
    if (/** @type {HTMLElement} */ (button).dataset.lesion === String(lesion.id)) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  const last = state.viewer?.scene.volume.dims.map((size) => size - 1) ?? [0, 0, 0];
  state.viewer?.moveTo([Math.min(i, last[0]), Math.min(j, last[1]), Math.min(k, last[2])]);
}

/** @param {number} step 1 for the next smaller lesion, -1 for the next larger */
export function stepLesion(step) {
  const lesions = state.detail?.lesions ?? [];
  if (lesions.length === 0) return;
  const current = document.querySelector("#lesions button[aria-current]");
  const at = lesions.findIndex((lesion) => String(lesion.id) === /** @type {HTMLElement | null} */ (current)?.dataset.lesion);
  jumpTo(lesions[(at + step + lesions.length) % lesions.length]);
}

/** @param {import("../modules/windows.js").NamedWindow} window */
export function setWindow({ name, low, high }) {
  if (!state.viewer) return;
  state.viewer.scene.window = { low, high };
  if (state.windows.some((other) => other.name === name)) byId("window", HTMLSelectElement).value = name;
  state.viewer.redraw();
  if (name === "own") say(`window from ${fixed(low, 0)} to ${fixed(high, 0)}`);
}

export function takeLayerSettings() {
  if (!state.viewer) return;
  const { scene } = state.viewer;
  const checked = (/** @type {string} */ id) => byId(id, HTMLInputElement).checked;
  scene.maskShown = checked("mask-shown");
  scene.maskStyle = byId("mask-style", HTMLSelectElement).value === "outline" ? "outline" : "fill";
  scene.maskOpacity = Number(byId("mask-opacity", HTMLInputElement).value);
  scene.heatShown = checked("heat-shown");
  scene.camShown = checked("cam-shown");
  scene.lungsShown = checked("lungs-shown");
  scene.crossShown = checked("cross");
  scene.inverted = checked("invert") && scene.isPicture;
  state.viewer.redraw();
}
