// A mask that is drawn on: brush, eraser, fill, interpolation between slices, undo and redo. Knows
// nothing of the screen.

import { countMarked } from "./measures.js";
import { walk } from "./planes.js";

/** @typedef {import("./planes.js").Plane} Plane */

/**
 * What one stroke changed.
 * @typedef {object} Change
 * @property {Uint32Array} voxels
 * @property {Uint8Array} before
 * @property {Uint8Array} after
 */

const rememberedChanges = 200;

export class MaskEditor {
  /**
   * @param {[number, number, number]} dims
   * @param {Uint8Array} labels taken over and changed in place; 0 is the background
   */
  constructor(dims, labels) {
    this.dims = dims;
    this.labels = labels;
    /** Voxels that are not background. */
    this.marked = countMarked(labels);
    /** Counts strokes, undone ones included: tells whether a draft is stale. */
    this.revision = 0;
    /** @type {Change[]} */
    this.done = [];
    /** @type {Change[]} */
    this.undone = [];
    /** @type {Map<number, number> | null} voxel to its label before the stroke */
    this.stroke = null;
    /** @type {Map<string, number[]>} plane to the slices drawn on, the latest last */
    this.touched = new Map();
  }

  /** Begins a stroke; what follows until `end` is undone as one. */
  begin() {
    this.stroke ??= new Map();
  }

  /**
   * Ends the stroke.
   * @returns {boolean} whether anything has changed
   */
  end() {
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke) return false;
    const voxels = [...stroke.keys()].filter((voxel) => this.labels[voxel] !== stroke.get(voxel));
    if (voxels.length === 0) return false;
    this.done.push({
      voxels: Uint32Array.from(voxels),
      before: Uint8Array.from(voxels, (voxel) => /** @type {number} */ (stroke.get(voxel))),
      after: Uint8Array.from(voxels, (voxel) => this.labels[voxel]),
    });
    if (this.done.length > rememberedChanges) this.done.shift();
    this.undone = [];
    ++this.revision;
    return true;
  }

  /**
   * @param {number} voxel
   * @param {number} label
   */
  set(voxel, label) {
    const before = this.labels[voxel];
    if (before === label) return;
    if (this.stroke && !this.stroke.has(voxel)) this.stroke.set(voxel, before);
    this.labels[voxel] = label;
    this.marked += (label === 0 ? 0 : 1) - (before === 0 ? 0 : 1);
  }

  /** @returns {boolean} false where there is nothing to take back */
  undo() {
    return this.#swap(this.done, this.undone, "before");
  }

  /** @returns {boolean} false where nothing was taken back */
  redo() {
    return this.#swap(this.undone, this.done, "after");
  }

  /**
   * @param {Change[]} from
   * @param {Change[]} to
   * @param {"before"|"after"} side
   */
  #swap(from, to, side) {
    this.end();
    const change = from.pop();
    if (!change) return false;
    change.voxels.forEach((voxel, index) => this.set(voxel, change[side][index]));
    to.push(change);
    ++this.revision;
    return true;
  }

  /**
   * Gives the label to a disc, and to all discs on the way from `last` to it.
   * @param {Plane} plane
   * @param {[number, number, number]} at x, y and depth in the plane
   * @param {{radiusMm: number, label: number, last?: [number, number] | null}} options
   */
  brush(plane, at, { radiusMm, label, last = null }) {
    const [x, y, depth] = at;
    const [fromX, fromY] = last ?? [x, y];
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(x - fromX), Math.abs(y - fromY))));
    for (let step = last ? 1 : steps; step <= steps; ++step) {
      const share = step / steps;
      this.#disc(plane, fromX + (x - fromX) * share, fromY + (y - fromY) * share, depth, radiusMm, label);
    }
    this.#touch(plane, depth);
  }

  /**
   * @param {Plane} plane
   * @param {number} x
   * @param {number} y
   * @param {number} depth
   * @param {number} radiusMm
   * @param {number} label
   */
  #disc(plane, x, y, depth, radiusMm, label) {
    const { start, stepX, stepY } = walk(plane, this.dims, depth);
    const [mmX, mmY] = plane.pixelMm;
    const reachX = radiusMm / mmX;
    const reachY = radiusMm / mmY;
    const centreX = Math.round(x);
    const centreY = Math.round(y);
    for (let v = Math.floor(y - reachY); v <= Math.ceil(y + reachY); ++v) {
      if (v < 0 || v >= plane.size[1]) continue;
      for (let u = Math.floor(x - reachX); u <= Math.ceil(x + reachX); ++u) {
        if (u < 0 || u >= plane.size[0]) continue;
        const inside = Math.hypot((u - x) * mmX, (v - y) * mmY) <= radiusMm;
        // The smallest brush still marks the pixel under it.
        if (inside || (u === centreX && v === centreY)) this.set(start + u * stepX + v * stepY, label);
      }
    }
  }

  /**
   * Gives the label to the area of equal label around a pixel of a slice. An area of background that
   * reaches the edge of the picture is not closed and stays.
   * @param {Plane} plane
   * @param {[number, number, number]} at
   * @param {number} label
   * @returns {number} pixels filled; 0 where the area is open or has the label already
   */
  fill(plane, at, label) {
    const [width, height] = plane.size;
    const { start, stepX, stepY } = walk(plane, this.dims, at[2]);
    const from = this.labels[start + at[0] * stepX + at[1] * stepY];
    if (from === label) return 0;
    const seen = new Uint8Array(width * height);
    const area = [at[0] + at[1] * width];
    seen[area[0]] = 1;
    for (let next = 0; next < area.length; ++next) {
      const x = area[next] % width;
      const y = (area[next] - x) / width;
      const edge = x === 0 || y === 0 || x === width - 1 || y === height - 1;
      if (edge && from === 0) return 0;
      for (const [u, v] of [[x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]]) {
        if (u < 0 || v < 0 || u >= width || v >= height || seen[u + v * width]) continue;
        seen[u + v * width] = 1;
        if (this.labels[start + u * stepX + v * stepY] === from) area.push(u + v * width);
      }
    }
    for (const pixel of area) {
      const x = pixel % width;
      this.set(start + x * stepX + ((pixel - x) / width) * stepY, label);
    }
    this.#touch(plane, at[2]);
    return area.length;
  }

  /**
   * Draws the slices between the two slices of a plane that were drawn on last: where the mean of
   * their signed distances, weighed by nearness, is inside. Other classes stay, and nothing is erased.
   * @param {Plane} plane
   * @param {number} label
   * @returns {{from: number, to: number} | null} null where there are no such two slices, or none
   *   between them
   */
  interpolate(plane, label) {
    const slices = (this.touched.get(plane.name) ?? []).slice(-2).sort((a, b) => a - b);
    if (slices.length < 2 || slices[1] - slices[0] < 2) return null;
    const [from, to] = slices;
    const first = this.#signedDistance(plane, from, label);
    const second = this.#signedDistance(plane, to, label);
    if (!first || !second) return null;
    for (let depth = from + 1; depth < to; ++depth) {
      const share = (depth - from) / (to - from);
      const { start, stepX, stepY } = walk(plane, this.dims, depth);
      for (let v = 0; v < plane.size[1]; ++v) {
        for (let u = 0; u < plane.size[0]; ++u) {
          const pixel = u + v * plane.size[0];
          const distance = first[pixel] * (1 - share) + second[pixel] * share;
          const voxel = start + u * stepX + v * stepY;
          if (distance <= 0 && this.labels[voxel] === 0) this.set(voxel, label);
        }
      }
    }
    return { from, to };
  }

  /**
   * Distance of each pixel to the outline of the label: negative inside; null on an empty slice.
   * @param {Plane} plane
   * @param {number} depth
   * @param {number} label
   * @returns {Float32Array | null}
   */
  #signedDistance(plane, depth, label) {
    const [width, height] = plane.size;
    const { start, stepX, stepY } = walk(plane, this.dims, depth);
    const inside = new Uint8Array(width * height);
    let any = false;
    for (let v = 0; v < height; ++v) {
      for (let u = 0; u < width; ++u) {
        if (this.labels[start + u * stepX + v * stepY] !== label) continue;
        inside[u + v * width] = 1;
        any = true;
      }
    }
    if (!any) return null;
    const outwards = squaredDistance(inside, 1, width, height, plane.pixelMm);
    const inwards = squaredDistance(inside, 0, width, height, plane.pixelMm);
    const half = Math.min(...plane.pixelMm) / 2;
    return outwards.map((square, pixel) =>
      (inside[pixel] ? half - Math.sqrt(inwards[pixel]) : Math.sqrt(square) - half));
  }

  /**
   * @param {Plane} plane
   * @param {number} depth
   */
  #touch(plane, depth) {
    const slices = (this.touched.get(plane.name) ?? []).filter((slice) => slice !== depth);
    this.touched.set(plane.name, [...slices, depth]);
  }
}

/**
 * Squared distance in mm^2 of each pixel to the nearest pixel of the wanted kind (Felzenszwalb and
 * Huttenlocher, lower envelope of parabolas along rows, then along columns).
 * @param {Uint8Array} kinds
 * @param {number} wanted
 * @param {number} width
 * @param {number} height
 * @param {[number, number]} pixelMm
 * @returns {Float32Array}
 */
export function squaredDistance(kinds, wanted, width, height, pixelMm) {
  const far = 1e12;
  const squares = Float32Array.from(kinds, (kind) => (kind === wanted ? 0 : far));
  const along = (/** @type {number} */ start, /** @type {number} */ step, /** @type {number} */ count, /** @type {number} */ mm) => {
    const values = Float64Array.from({ length: count }, (_, at) => squares[start + at * step]);
    const centres = new Int32Array(count);
    const borders = new Float64Array(count + 1);
    let last = 0;
    borders[0] = -Infinity;
    borders[1] = Infinity;
    const meet = (/** @type {number} */ a, /** @type {number} */ b) =>
      (values[b] - values[a] + mm * mm * (b * b - a * a)) / (2 * mm * mm * (b - a));
    for (let at = 1; at < count; ++at) {
      while (last > 0 && meet(centres[last], at) <= borders[last]) --last;
      const border = meet(centres[last], at);
      centres[++last] = at;
      borders[last] = border;
      borders[last + 1] = Infinity;
    }
    for (let at = 0, part = 0; at < count; ++at) {
      while (borders[part + 1] < at) ++part;
      const offset = (at - centres[part]) * mm;
      squares[start + at * step] = Math.min(far, values[centres[part]] + offset * offset);
    }
  };
  for (let y = 0; y < height; ++y) along(y * width, 1, width, pixelMm[0]);
  for (let x = 0; x < width; ++x) along(x, width, height, pixelMm[1]);
  return squares;
}
