// Amounts of infection: how many voxels lie at or above a threshold, in ml and as a share of the
// lungs, for every threshold at once.

import { spacingOf } from "./nifti.js";

/** @typedef {import("./nifti.js").Volume} Volume */

/**
 * @param {number[]} affine
 * @returns {number} ml of a voxel
 */
export function voxelMl(affine) {
  const [a, b, c, , d, e, f, , g, h, i] = affine;
  return Math.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) / 1000;
}

/**
 * The amount of infection of a mask.
 * @typedef {object} Amount
 * @property {number} voxels infected ones (pixels of a picture)
 * @property {number | null} ml null for pictures
 * @property {number | null} share of the lungs, 0 to 1; null where no lungs are known
 */

/**
 * Counts voxels by probability once, so that every threshold costs one look.
 */
export class ThresholdMeasures {
  /**
   * @param {Volume} probability
   * @param {Uint8Array | null} lungs
   */
  constructor(probability, lungs) {
    const { data, slope, intercept } = probability;
    if (!(data instanceof Int16Array || data instanceof Uint16Array || data instanceof Uint8Array)) {
      throw new Error("probabilities have to be whole numbers with a slope");
    }
    this.data = data;
    this.slope = slope;
    this.intercept = intercept;
    this.lungVoxels = 0;
    const all = new Float64Array(65537);
    const outside = new Float64Array(65537);
    for (let voxel = 0; voxel < data.length; ++voxel) {
      const raw = Math.max(0, data[voxel]);
      ++all[raw];
      if (!lungs) continue;
      if (lungs[voxel]) ++this.lungVoxels;
      else ++outside[raw];
    }
    // From here on: voxels with at least this number.
    for (let raw = 65535; raw >= 0; --raw) {
      all[raw] += all[raw + 1];
      outside[raw] += outside[raw + 1];
    }
    this.atLeast = all;
    this.outsideAtLeast = outside;
    this.hasLungs = lungs !== null;
  }

  /**
   * The smallest stored number whose probability reaches the threshold.
   * @param {number} threshold
   */
  cut(threshold) {
    // A threshold such as 0.3 lies a hair beside its nearest stored number; rounding up after a
    // tiny step back keeps p >= threshold as the program means it.
    return Math.max(0, Math.min(65536, Math.ceil((threshold - this.intercept) / this.slope - 1e-9)));
  }

  /**
   * @param {number} threshold
   * @returns {{voxels: number, outsideLungs: number}}
   */
  count(threshold) {
    const cut = this.cut(threshold);
    return { voxels: this.atLeast[cut], outsideLungs: this.outsideAtLeast[cut] };
  }

  /**
   * The mask at a threshold.
   * @param {number} threshold
   * @returns {Uint8Array}
   */
  mask(threshold) {
    const cut = this.cut(threshold);
    const labels = new Uint8Array(this.data.length);
    for (let voxel = 0; voxel < labels.length; ++voxel) labels[voxel] = this.data[voxel] >= cut ? 1 : 0;
    return labels;
  }
}

/**
 * The program's rule: lungs are lungs and whatever is infected, so that the share is at most 1.
 * @param {{voxels: number, outsideLungs: number}} infected
 * @param {{ml: number | null, lungVoxels: number | null}} scale ml of a voxel, and voxels of the lungs
 * @returns {Amount}
 */
export function amountOf(infected, { ml, lungVoxels }) {
  const whole = lungVoxels === null ? 0 : lungVoxels + infected.outsideLungs;
  return {
    voxels: infected.voxels,
    ml: ml === null ? null : infected.voxels * ml,
    share: whole > 0 ? infected.voxels / whole : null,
  };
}

/**
 * @param {Uint8Array} labels
 * @param {Uint8Array | null} lungs
 * @returns {{voxels: number, outsideLungs: number}}
 */
export function countMarked(labels, lungs) {
  let voxels = 0;
  let outsideLungs = 0;
  for (let voxel = 0; voxel < labels.length; ++voxel) {
    if (!labels[voxel]) continue;
    ++voxels;
    if (lungs && !lungs[voxel]) ++outsideLungs;
  }
  return { voxels, outsideLungs };
}

/** @param {Uint8Array | null} labels */
export function countVoxels(labels) {
  if (!labels) return null;
  let count = 0;
  for (let voxel = 0; voxel < labels.length; ++voxel) if (labels[voxel]) ++count;
  return count;
}

/** @param {number[]} affine */
export function spacingText(affine) {
  return spacingOf(affine).map((mm) => mm.toFixed(2)).join(" x ") + " mm";
}
