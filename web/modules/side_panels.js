// What stands beside the picture: lesions, measures and warnings.

import { fill, fixed, make, mlText, percentText, pointsText } from "./dom.js";

/** @typedef {import("./api.js").VersionDetail} VersionDetail */
/** @typedef {import("./api.js").Lesion} Lesion */

/**
 * Lists lesions, the largest first; a click jumps there.
 * @param {HTMLElement} place
 * @param {VersionDetail | null} detail
 * @param {(lesion: Lesion) => void} jump
 */
export function showLesions(place, detail, jump) {
  if (!detail || detail.state !== "ready") {
    fill(place, make("p", { className: "hint" }, detail?.state === "measuring" ? "Being measured ..." : "No mask yet."));
    return;
  }
  if (detail.lesions.length === 0) {
    fill(place, make("p", { className: "hint" }, "The mask is empty."));
    return;
  }
  const several = new Set(detail.lesions.map((lesion) => lesion.label)).size > 1;
  const left = detail.lesions_total - detail.lesions.length;
  fill(place, ...detail.lesions.map((lesion) => make("button", {
    type: "button", "data-lesion": String(lesion.id), onclick: () => jump(lesion),
  }, make("span", {}, `${lesion.id}${several ? ` ${lesion.name}` : ""}`),
  make("span", {}, lesion.ml === null ? `${lesion.voxels} pixels` : `${fixed(lesion.ml, lesion.ml < 1 ? 2 : 1)} ml`))),
  left > 0 && make("p", { className: "hint" }, `and ${left} smaller ones`));
}

/**
 * @param {HTMLElement} place
 * @param {string[]} warnings
 */
export function showWarnings(place, warnings) {
  fill(place, ...warnings.map((text) => make("li", {}, text)));
}

/**
 * All measures of a version, as summary.json has them, in words.
 * @param {HTMLElement} place
 * @param {VersionDetail | null} detail
 */
export function showMeasures(place, detail) {
  const measures = detail?.measures;
  if (!detail || !measures) {
    fill(place, make("p", { className: "hint" }, "Not measured yet."));
    return;
  }
  const severity = measures.severity;
  const leftOut = measures.left_out_outside_lungs;
  const detector = measures.detector;
  const parts = measures.by_hu;
  /** @type {[string, string | null][]} */
  const rows = [
    ["infection", measures.lesion_ml === undefined || measures.lesion_ml === null ? pixelsText(measures) : mlText(measures.lesion_ml)],
    ["share of the lungs", maybe(measures.lesion_fraction_of_lung, percentText)],
    ["lungs", maybe(measures.lung_ml, mlText)],
    ["right lung", maybe(measures.right_lung_ml, mlText)],
    ["left lung", maybe(measures.left_lung_ml, mlText)],
    ["infection outside the lungs", maybe(measures.lesion_outside_lungs_ml, mlText)],
    ["left out outside the lungs", leftOut ? leftOut.ml === null ? `${leftOut.pixels} pixels` : mlText(leftOut.ml) : null],
    ["detector", detector ? `${detector.name}: ${detector.decision} (probability ${fixed(detector.probability, 3)}, cut-off ${fixed(detector.cutoff, 3)})` : null],
    ["withheld by the detector", detector && detector.withheld_pixels > 0 ? `${detector.withheld_pixels} pixels` : null],
    ["lungs found by", measures.lungs ?? null],
    ["mean attenuation", measures.attenuation ? `${fixed(measures.attenuation.mean_hu, 0)} ± ${fixed(measures.attenuation.deviation_hu, 0)} HU` : null],
    ["thin and dense (by a threshold, not a reading)", parts ? `${mlText(parts.below_ml)} below ${fixed(parts.split_hu, 0)} HU, ${mlText(parts.from_there_ml)} from there on` : null],
    ["severity", severity ? `${scoreText(severity)} (${severity.scale})` : null],
    ["typicality", maybe(measures.typicality, (value) => fixed(value, 2))],
    ["network", detail.model?.name ?? null],
    ["threshold", maybe(detail.model?.threshold, (value) => fixed(value, 3))],
    ["made by", `${detail.author}${detail.reason ? ` (${detail.reason})` : ""}`],
    ...(measures.classes ?? []).map((/** @type {any} */ one) =>
      /** @type {[string, string]} */ ([one.name, one.ml === undefined || one.ml === null ? `${one.pixels} pixels` : mlText(one.ml)])),
  ];
  fill(place, table(rows), ...regionTable(severity), ...regionTable(measures.lobes));
}

/** @param {[string, string | null][]} rows those without a value are left out */
function table(rows) {
  return make("table", {}, make("tbody", {}, ...rows.filter(([, value]) => value !== null).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", { className: "number" }, value)))));
}

/** @param {any} severity */
const scoreText = (severity) => severity.reason ?? `${severity.score} of ${severity.most} points`;

/**
 * Zones, lobes or lungs with what of them is infected, and how far the numbers go.
 * @param {any} severity as summary.json has it; null for none
 * @returns {HTMLElement[]}
 */
function regionTable(severity) {
  if (!severity) return [];
  const meaning = [severity.definition, severity.note].filter(Boolean).join(" ");
  const found = (/** @type {any} */ region) => [
    region.infected_ml === undefined ? null : `${fixed(region.infected_ml, 1)} of ${fixed(region.ml, 0)} ml`,
    percentText(region.voxels ? region.infected_voxels / region.voxels : null), pointsText(region.points),
  ].filter(Boolean).join(", ");
  return [
    make("h3", {}, severity.scale),
    table([...severity.regions.map((/** @type {any} */ region) => /** @type {[string, string]} */ ([region.region, found(region)])),
      ["together", scoreText(severity)]]),
    ...(meaning ? [make("p", { className: "hint" }, meaning)] : []),
  ];
}

/**
 * The area of X-rays, in cm2 on the detector or in the patient where the file tells the size of pixels.
 * @param {any} measures
 */
function pixelsText({ lesion_pixels: pixels, lesion_cm2: cm2, acquisition }) {
  if (cm2 === null || cm2 === undefined) return `${pixels} pixels`;
  return `${pixels} pixels, ${fixed(cm2, 1)} cm² by ${acquisition?.pixel_from ?? "the size of pixels"}`;
}

/**
 * @param {number | null | undefined} value
 * @param {(value: number) => string} text
 */
function maybe(value, text) {
  return value === null || value === undefined ? null : text(value);
}
