// Slices of two studies that belong together, without a registration: the same share of the way
// through the lungs (through the volume, where no lungs are known).

import { walk } from "./planes.js";

/** @typedef {import("./planes.js").Plane} Plane */

/**
 * The first and the last slice of a plane in which the lungs are.
 * @param {Plane} plane
 * @param {number[]} dims
 * @param {Uint8Array | null} lungs
 * @returns {[number, number]}
 */
export function extentOf(plane, dims, lungs) {
  const last = plane.size[2] - 1;
  if (!lungs) return [0, last];
  const holds = (/** @type {number} */ depth) => {
    const { start, stepX, stepY } = walk(plane, dims, depth);
    for (let y = 0; y < plane.size[1]; ++y) {
      for (let x = 0; x < plane.size[0]; ++x) if (lungs[start + x * stepX + y * stepY]) return true;
    }
    return false;
  };
  let from = 0;
  while (from < last && !holds(from)) ++from;
  let to = last;
  while (to > from && !holds(to)) --to;
  return from < to ? [from, to] : [0, last];
}

/**
 * The slice of the other study at the same share of its extent, moved by what the reader set.
 * @param {number} depth
 * @param {[number, number]} own
 * @param {{extent: [number, number], slices: number}} other
 * @param {number} shift as a share of the other's extent
 */
export function partner(depth, own, { extent, slices }, shift) {
  const share = (depth - own[0]) / Math.max(1, own[1] - own[0]) + shift;
  return Math.max(0, Math.min(slices - 1, Math.round(extent[0] + share * (extent[1] - extent[0]))));
}
