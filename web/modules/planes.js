// Which voxels a plane shows, and where they are on the screen.

import { spacingOf } from "./nifti.js";

/** @typedef {"axial"|"coronal"|"sagittal"} PlaneName */

/**
 * A way to walk through a volume: the plane's x, y and depth are axes of the voxel grid, forwards or
 * backwards, chosen so that the patient is shown as radiologists expect (right side on the left,
 * front or head on top).
 * @typedef {object} Plane
 * @property {PlaneName} name
 * @property {[number, number, number]} axes voxel axis of the plane's x, y and depth
 * @property {[boolean, boolean, boolean]} backwards whether x, y and depth run against that axis
 * @property {[number, number, number]} size pixels in x and y, slices in depth
 * @property {[number, number]} pixelMm width and height of a pixel
 * @property {[string, string, string, string]} sides letters at the left, right, top and bottom
 */

/**
 * For each axis of the body (x to the right, y to the front, z to the head) the voxel axis that runs
 * along it most, each used once, and in which direction.
 * @param {number[]} affine
 * @returns {{axis: [number, number, number], sign: [number, number, number]}}
 */
export function bodyAxes(affine) {
  const spacing = spacingOf(affine);
  const share = (/** @type {number} */ body, /** @type {number} */ voxel) => affine[4 * body + voxel] / (spacing[voxel] || 1);
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
  let best = orders[0];
  let most = -1;
  for (const order of orders) {
    const fit = order.reduce((sum, voxel, body) => sum + Math.abs(share(body, voxel)), 0);
    if (fit > most + 1e-9) [best, most] = [order, fit];
  }
  const sign = best.map((voxel, body) => (share(body, voxel) < 0 ? -1 : 1));
  return {
    axis: /** @type {[number, number, number]} */ (best),
    sign: /** @type {[number, number, number]} */ (sign),
  };
}

/**
 * @param {{dims: [number, number, number], affine: number[]}} volume
 * @param {PlaneName} name
 * @returns {Plane}
 */
export function planeOf(volume, name) {
  const { axis, sign } = bodyAxes(volume.affine);
  const spacing = spacingOf(volume.affine);
  // Per plane: the body axis of x, y and depth, and the direction in which each runs in mm.
  const layout = {
    axial: { body: [0, 1, 2], along: [-1, -1, 1], sides: ["R", "L", "A", "P"] },
    coronal: { body: [0, 2, 1], along: [-1, -1, 1], sides: ["R", "L", "S", "I"] },
    sagittal: { body: [1, 2, 0], along: [-1, -1, 1], sides: ["A", "P", "S", "I"] },
  }[name];
  const axes = layout.body.map((body) => axis[body]);
  const backwards = layout.body.map((body, index) => sign[body] !== layout.along[index]);
  return {
    name,
    axes: /** @type {[number, number, number]} */ (axes),
    backwards: /** @type {[boolean, boolean, boolean]} */ (backwards),
    size: /** @type {[number, number, number]} */ (axes.map((voxel) => volume.dims[voxel])),
    pixelMm: [spacing[axes[0]], spacing[axes[1]]],
    sides: /** @type {[string, string, string, string]} */ (layout.sides),
  };
}

/**
 * The plane of a picture: as it is stored, without a body.
 * @param {[number, number, number]} dims
 * @returns {Plane}
 */
export function picturePlane(dims) {
  return {
    name: "axial", axes: [0, 1, 2], backwards: [false, false, false], size: [...dims],
    pixelMm: [1, 1], sides: ["", "", "", ""],
  };
}

/**
 * Where a slice begins in the volume and how far its neighbours in x and y are.
 * @param {Plane} plane
 * @param {number[]} dims of the volume
 * @param {number} depth slice number in the plane's own order
 * @returns {{start: number, stepX: number, stepY: number}}
 */
export function walk(plane, dims, depth) {
  const stride = [1, dims[0], dims[0] * dims[1]];
  const [ax, ay, az] = plane.axes;
  const along = (/** @type {number} */ axis, /** @type {boolean} */ back, /** @type {number} */ at) =>
    stride[axis] * (back ? dims[axis] - 1 - at : at);
  return {
    start: along(ax, plane.backwards[0], 0) + along(ay, plane.backwards[1], 0) + along(az, plane.backwards[2], depth),
    stepX: plane.backwards[0] ? -stride[ax] : stride[ax],
    stepY: plane.backwards[1] ? -stride[ay] : stride[ay],
  };
}

/**
 * Plane position (x, y, depth) to voxel (i, j, k), and back: the map is its own inverse but for the
 * order of the axes.
 * @param {Plane} plane
 * @param {number[]} dims
 * @param {[number, number, number]} at
 * @returns {[number, number, number]}
 */
export function toVoxel(plane, dims, at) {
  /** @type {[number, number, number]} */
  const voxel = [0, 0, 0];
  plane.axes.forEach((axis, index) => {
    voxel[axis] = plane.backwards[index] ? dims[axis] - 1 - at[index] : at[index];
  });
  return voxel;
}

/**
 * @param {Plane} plane
 * @param {number[]} dims
 * @param {[number, number, number]} voxel
 * @returns {[number, number, number]}
 */
export function fromVoxel(plane, dims, voxel) {
  const at = plane.axes.map((axis, index) => (plane.backwards[index] ? dims[axis] - 1 - voxel[axis] : voxel[axis]));
  return /** @type {[number, number, number]} */ (at);
}

/**
 * Voxel (i, j, k) to mm.
 * @param {number[]} affine
 * @param {number[]} voxel
 * @returns {[number, number, number]}
 */
export function toMm(affine, voxel) {
  const row = (/** @type {number} */ r) =>
    affine[r] * voxel[0] + affine[r + 1] * voxel[1] + affine[r + 2] * voxel[2] + affine[r + 3];
  return [row(0), row(4), row(8)];
}

/**
 * The voxel of `volume` nearest to a place in mm, inside its borders.
 * @param {{dims: [number, number, number], affine: number[]}} volume
 * @param {number[]} mm
 * @returns {[number, number, number]}
 */
export function nearestVoxel(volume, mm) {
  const [a, b, c, x, d, e, f, y, g, h, i, z] = volume.affine;
  const p = [mm[0] - x, mm[1] - y, mm[2] - z];
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const solve = [
    (p[0] * (e * i - f * h) + p[1] * (c * h - b * i) + p[2] * (b * f - c * e)) / det,
    (p[0] * (f * g - d * i) + p[1] * (a * i - c * g) + p[2] * (c * d - a * f)) / det,
    (p[0] * (d * h - e * g) + p[1] * (b * g - a * h) + p[2] * (a * e - b * d)) / det,
  ];
  const inside = solve.map((value, axis) => Math.max(0, Math.min(volume.dims[axis] - 1, Math.round(value))));
  return /** @type {[number, number, number]} */ (inside);
}
