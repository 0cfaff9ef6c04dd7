// Amounts of infection: how many voxels lie at or above a threshold, in ml and as a share of the
// lungs, for every threshold at once.

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
  /** @param {Volume} probability */
  constructor(probability) {
    const { data, slope, intercept } = probability;
    if (!(data instanceof Int16Array || data instanceof Uint16Array || data instanceof Uint8Array)) {
      throw new Error("probabilities have to be whole numbers with a slope");
    }
    this.data = data;
    this.slope = slope;
    this.intercept = intercept;
    const atLeast = new Float64Array(65537);
    for (let voxel = 0; voxel < data.length; ++voxel) ++atLeast[Math.max(0, data[voxel])];
    for (let raw = 65535; raw >= 0; --raw) atLeast[raw] += atLeast[raw + 1];
    /** Voxels with at least this stored number. */
    this.atLeast = atLeast;
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
   * Voxels at or above a threshold.
   * @param {number} threshold
   */
  count(threshold) {
    return this.atLeast[this.cut(threshold)];
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
 * The amount of so many infected voxels. The lungs are those that the program measured: it closes
 * their holes, so that they are more than the network's lung mask, and changes little with the mask.
 * @param {number} voxels
 * @param {{voxelMl: number | null, lungMl: number | null}} scale null for pictures, or without lungs
 * @returns {Amount}
 */
export function amountOf(voxels, { voxelMl: ml, lungMl }) {
  return {
    voxels,
    ml: ml === null ? null : voxels * ml,
    share: ml === null || !lungMl ? null : Math.min(1, (voxels * ml) / lungMl),
  };
}

/**
 * The share of the lungs of a picture that is marked. Infection outside the lungs is not counted, and
 * the lungs are as many pixels as the program measured: it leaves small pieces out.
 * @param {ArrayLike<number>} data of the mask or the probabilities
 * @param {number} cut from which a pixel is marked
 * @param {Uint8Array} lungs
 * @param {number} lungPixels
 * @returns {number | null}
 */
export function shareOfPicture(data, cut, lungs, lungPixels) {
  if (lungPixels <= 0) return null;
  let marked = 0;
  for (let pixel = 0; pixel < lungs.length; ++pixel) if (lungs[pixel] && data[pixel] >= cut) ++marked;
  return Math.min(1, marked / lungPixels);
}

/**
 * Voxels that are not background.
 * @param {Uint8Array} labels
 */
export function countMarked(labels) {
  let voxels = 0;
  for (let voxel = 0; voxel < labels.length; ++voxel) if (labels[voxel]) ++voxels;
  return voxels;
}
