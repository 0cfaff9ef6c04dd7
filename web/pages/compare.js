// Two studies side by side, of CT or X-rays: linked scrolling or zoom, and what has changed.

import { getJson } from "../modules/api.js";
import { showChange } from "../modules/change_panel.js";
import { byId, fill, fixed, make } from "../modules/dom.js";
import { attempt, footer, frame, say, shortcuts } from "../modules/frame.js";
import { extentOf, partner } from "../modules/linked_slices.js";
import { fromVoxel, planeOf, toVoxel } from "../modules/planes.js";
import { ancestorWith, imagePath, loadImage, loadLungs, loadMask, loadVersion, planesOf } from "../modules/study_image.js";
import { sceneOf, Viewer } from "../modules/viewer.js";
import { windowsOf } from "../modules/windows.js";

/** @typedef {import("../modules/api.js").Study} Study */
/** @typedef {import("../modules/planes.js").PlaneName} PlaneName */

/**
 * One of the two.
 * @typedef {object} Side
 * @property {Study} study
 * @property {import("../modules/api.js").Image} image
 * @property {Viewer} viewer
 * @property {Uint8Array | null} lungs
 * @property {import("../modules/api.js").VersionDetail | null} detail
 * @property {[number, number]} extent slices of the plane in which the lungs are
 */

const query = new URLSearchParams(location.search);
/** @type {Study[]} */
let studies = [];
/** @type {[Side | null, Side | null]} */
const sides = [null, null];
/** How far the second is moved against the first, as a share of its extent. */
let shift = 0;
/** How the second is zoomed and shifted against the first. */
let sightApart = { zoom: 1, x: 0, y: 0 };
let following = false;

const planeName = () => /** @type {PlaneName} */ (byId("plane", HTMLSelectElement).value);
const isLinked = () => byId("linked", HTMLInputElement).checked;

/** Whether a study has something to look at. @param {Study} study */
const isCompared = ({ state, images }) => state === "ready" && images.some(({ problem }) => problem === null);

/** The image of a study that is shown: a volume before pictures. @param {Study | undefined} study */
function shownImage(study) {
  const good = study?.images.filter(({ problem }) => problem === null) ?? [];
  return good.find(({ kind }) => kind === "volume") ?? good[0];
}

/** Whether the first of the two is a picture, or the second where there is none. */
const arePictures = () => (sides[0] ?? sides[1])?.image.kind === "picture";

/** @param {Side} side */
const depthOf = (side) => side.viewer.views[0].depth;

/** @param {0|1} which */
async function load(which) {
  sides[which]?.viewer.close();
  sides[which] = null;
  const container = byId(which === 0 ? "left" : "right", HTMLElement);
  fill(container);
  const id = byId(which === 0 ? "first" : "second", HTMLSelectElement).value;
  const study = studies.find((one) => one.id === id);
  const image = shownImage(study);
  if (!study || !image) {
    showChange(null, [[], []]);
    return;
  }
  say(`reading '${study.name}'`, "working");
  /** @type {import("../modules/api.js").ImageVersion[]} */
  const versions = await getJson(`${imagePath(study.id, image.id)}/versions`);
  const version = versions.filter(({ state }) => state !== "failed").at(-1)?.version ?? null;
  const volume = await loadImage(study.id, image);
  const scene = sceneOf(volume, image.kind === "picture", windowsOf(image, volume)[0]);
  scene.crossShown = false;
  const lungsFrom = version === null ? null : ancestorWith(versions, version, "lungs");
  const lungs = lungsFrom === null ? null : await loadLungs(study.id, image, lungsFrom);
  if (version !== null) scene.mask = { data: await loadMask(study.id, image, version), cut: 1 };
  const detail = version === null ? null : await loadVersion(study.id, image.id, version);
  const plane = image.kind === "picture" ? planesOf(image, volume)[0] : planeOf(volume, planeName());
  const viewer = new Viewer(container, scene, [plane], {
    onCross: () => follow(which),
    onWindow: (low, high) => setWindow(low, high),
    onSight: () => followSight(which),
  }, { space: "without" });
  sides[which] = { study, image, viewer, lungs, detail, extent: extentOf(plane, volume.dims, lungs) };
  if (which === 0) {
    fill(byId("window", HTMLSelectElement), ...windowsOf(image, volume).map(({ name }) => make("option", { value: name }, name)));
  }
  const first = detail?.lesions[0]?.point_voxel;
  if (first && which === 0 && image.kind === "volume") viewer.moveTo([first[0], first[1], first[2] ?? 0]);
  showControls();
  takeStyle();
  sightApart = { zoom: 1, x: 0, y: 0 };
  follow(0);
  followSight(0);
  say("");
  await tellChange();
}

/**
 * Brings the other study to the slice that belongs to this one's.
 * @param {0|1} which the one that was scrolled
 */
function follow(which) {
  const own = sides[which];
  const other = sides[which === 0 ? 1 : 0];
  if (!own || !other || following) return;
  if (own.image.kind === "picture" || other.image.kind === "picture") {
    showLink();
    return;
  }
  if (!isLinked()) {
    shift = sharesApart();
    showLink();
    return;
  }
  const view = other.viewer.views[0];
  const { dims } = view.scene.volume;
  const slices = view.plane.size[2];
  const depth = partner(depthOf(own), own.extent, { extent: other.extent, slices }, which === 0 ? shift : -shift);
  const [x, y] = fromVoxel(view.plane, dims, view.scene.cross);
  following = true;
  other.viewer.moveTo(toVoxel(view.plane, dims, [x, y, depth]));
  following = false;
  showLink();
}

/**
 * Shows the same part of the other study's slice, enlarged as much.
 * @param {0|1} which the one that was zoomed or shifted
 */
function followSight(which) {
  const own = sides[which];
  const other = sides[which === 0 ? 1 : 0];
  if (!own || !other || !isLinked()) return;
  const { zoom, x, y } = own.viewer.views[0].sight;
  const way = which === 0 ? 1 : -1;
  other.viewer.views[0].sight = { zoom: zoom * sightApart.zoom ** way, x: x + way * sightApart.x, y: y + way * sightApart.y };
}

/** Takes what the two show now as belonging together. */
function linkSights() {
  const [first, second] = sides.map((side) => side?.viewer.views[0].sight);
  if (first && second) sightApart = { zoom: second.zoom / first.zoom, x: second.x - first.x, y: second.y - first.y };
}

/** Pictures have no planes and no slices, but can be inverted. */
function showControls() {
  byId("plane-label", HTMLElement).hidden = arePictures();
  byId("invert-label", HTMLElement).hidden = !arePictures();
  byId("linked-text", HTMLElement).textContent = arePictures() ? "zoom and shift together" : "scroll together";
}

/** How far apart the two are now, as a share of the lungs. */
function sharesApart() {
  const [first, second] = sides;
  if (!first || !second) return 0;
  const share = (/** @type {Side} */ side) => (depthOf(side) - side.extent[0]) / Math.max(1, side.extent[1] - side.extent[0]);
  return share(second) - share(first);
}

function showLink() {
  const [first, second] = sides;
  if (!first || !second) return;
  if (arePictures()) {
    byId("link-note", HTMLElement).textContent = isLinked()
      ? "Zoom and shift of one are the other's; the pictures are not registered. To bring one to its place, untick 'zoom and shift together', shift one, tick it again."
      : "Not linked.";
    return;
  }
  const by = first.lungs && second.lungs ? "the way through the lungs" : "the way through the volume (lungs are not known)";
  byId("link-note", HTMLElement).textContent = isLinked()
    ? `Linked by ${by}, shifted by ${fixed(100 * shift, 0)} %; the studies are not registered. To shift, untick 'scroll together', scroll one, tick it again.`
    : `Not linked; shifted by ${fixed(100 * shift, 0)} % of ${by}.`;
}

/** What the program says of the two versions on the screen. */
async function tellChange() {
  const [first, second] = sides;
  const own = /** @type {[string[], string[]]} */ (sides.map((side) => side?.detail?.warnings ?? []));
  if (!first?.detail || !second?.detail) return showChange(null, own);
  const query = new URLSearchParams({ before: first.study.id, image: String(first.image.id), version: String(first.detail.version) });
  const path = `${imagePath(second.study.id, second.image.id)}/versions/${second.detail.version}/change?${query}`;
  try {
    showChange(await getJson(path), own);
  } catch (problem) {
    showChange(null, own);
    throw problem;
  }
}

/**
 * @param {number} low
 * @param {number} high
 */
function setWindow(low, high) {
  for (const side of sides) {
    if (!side) continue;
    side.viewer.scene.window = { low, high };
    side.viewer.redraw();
  }
}

function takeStyle() {
  for (const side of sides) {
    if (!side) continue;
    side.viewer.scene.inverted = arePictures() && byId("invert", HTMLInputElement).checked;
    side.viewer.scene.maskStyle = byId("mask-style", HTMLSelectElement).value === "outline" ? "outline" : "fill";
    side.viewer.redraw();
  }
}

/** The side whose canvas has the focus, else the first. */
function activeSide() {
  return sides.find((side) => side?.viewer.views[0].canvas === document.activeElement) ?? sides[0];
}

/** Keys that shift an enlarged picture. */
function shifts() {
  return /** @type {[string, number, number][]} */ ([["Left", 1, 0], ["Right", -1, 0], ["Up", 0, 1], ["Down", 0, -1]]).map(([key, x, y]) => ({
    keys: [`Shift+Arrow${key}`], text: `look further ${key.toLowerCase()}`,
    run: () => activeSide()?.viewer.active.shiftBy(40 * x, 40 * y),
  }));
}

function listen() {
  byId("first", HTMLSelectElement).onchange = () => attempt(() => load(0));
  byId("second", HTMLSelectElement).onchange = () => attempt(() => load(1));
  byId("plane", HTMLSelectElement).onchange = () => attempt(async () => { await load(0); await load(1); });
  byId("mask-style", HTMLSelectElement).onchange = takeStyle;
  byId("invert", HTMLInputElement).onchange = takeStyle;
  byId("linked", HTMLInputElement).onchange = () => {
    if (isLinked()) {
      if (!arePictures()) shift = sharesApart();
      linkSights();
    }
    follow(0);
  };
  byId("window", HTMLSelectElement).onchange = () => {
    // Each picture by its own values: two exposures differ.
    const name = byId("window", HTMLSelectElement).value;
    for (const side of sides) {
      const found = side && windowsOf(side.image, side.viewer.scene.volume).find((one) => one.name === name);
      if (side && found) {
        side.viewer.scene.window = { low: found.low, high: found.high };
        side.viewer.redraw();
      }
    }
  };
}

frame("compare");
byId("keys", HTMLButtonElement).onclick = shortcuts(() => [
  { keys: ["ArrowUp", "PageUp"], text: "next slice", run: () => activeSide()?.viewer.active.scroll(1) },
  { keys: ["ArrowDown", "PageDown"], text: "slice before", run: () => activeSide()?.viewer.active.scroll(-1) },
  ...shifts(),
  { keys: ["k"], text: "scroll, zoom and shift together or apart", run: () => byId("linked", HTMLInputElement).click() },
  { keys: ["+", "="], text: "zoom in", run: () => activeSide()?.viewer.active.zoomBy(1.25) },
  { keys: ["-"], text: "zoom out", run: () => activeSide()?.viewer.active.zoomBy(0.8) },
  { keys: ["0"], text: "whole picture", run: () => activeSide()?.viewer.active.zoomBy(0) },
  { keys: ["v"], text: "invert (pictures)", run: () => arePictures() && byId("invert", HTMLInputElement).click() },
]);
listen();
attempt(async () => {
  await footer();
  studies = (/** @type {Study[]} */ (await getJson("/studies")))
    .filter(isCompared);
  if (studies.length < 2) say("two studies are needed; add them on the first page");
  const options = () => [make("option", { value: "" }, "choose a study"), ...studies.map(({ id, name }) => make("option", { value: id }, name))];
  fill(byId("first", HTMLSelectElement), ...options());
  fill(byId("second", HTMLSelectElement), ...options());
  byId("first", HTMLSelectElement).value = query.get("a") ?? studies[1]?.id ?? "";
  // The other of its kind: a CT is not held against an X-ray.
  const chosen = studies.find(({ id }) => id === byId("first", HTMLSelectElement).value);
  const others = studies.filter((study) => study !== chosen && shownImage(study)?.kind === shownImage(chosen)?.kind);
  byId("second", HTMLSelectElement).value = query.get("b") ?? others[0]?.id ?? "";
  await load(0);
  await load(1);
});
