// One slice as pixels: the image through its window, and what lies over it.

import { walk } from "./planes.js";

/** @typedef {import("./planes.js").Plane} Plane */
/** @typedef {import("./nifti.js").Volume} Volume */

/**
 * Everything that the views of one image share.
 * @typedef {object} Scene
 * @property {Volume} volume
 * @property {boolean} isPicture without millimetres and HU
 * @property {{low: number, high: number}} window values shown black and white
 * @property {boolean} inverted
 * @property {[number, number, number]} cross the voxel that is pointed at
 * @property {boolean} crossShown
 * @property {{data: Uint8Array | Int16Array | Uint16Array, cut: number} | null} mask labels (cut 1),
 *   or probabilities of which all from `cut` on are infected
 * @property {boolean} maskIsLabels whether the numbers of `mask` are classes
 * @property {boolean} maskShown
 * @property {"fill"|"outline"} maskStyle
 * @property {number} maskOpacity 0 to 1
 * @property {Volume | null} heat probabilities
 * @property {boolean} heatShown
 * @property {number} heatOpacity
 * @property {Volume | null} cam Grad-CAM of the slices that were explained
 * @property {boolean} camShown
 * @property {Uint8Array | null} lungs
 * @property {boolean} lungsShown
 */

/** Colours of the classes 1, 2, ..; they start again after the last. */
export const classColours = [
  [255, 77, 61], [255, 176, 0], [61, 169, 252], [120, 214, 75], [214, 102, 255], [0, 209, 178],
];

const lungColour = [70, 150, 255];

/** @param {number} label from 1 */
export function colourOf(label) {
  return classColours[(label - 1) % classColours.length];
}

/** Black, purple, orange, pale yellow: equal steps look equal, and it works without red and green. */
export const heatColours = Array.from({ length: 256 }, (_, index) => {
  const stops = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const place = (index / 255) * (stops.length - 1);
  const first = Math.min(stops.length - 2, Math.floor(place));
  return stops[first].map((value, channel) => Math.round(value + (stops[first + 1][channel] - value) * (place - first)));
});

const rgba = (/** @type {number[]} */ colour, /** @type {number} */ opacity) =>
  ((Math.round(opacity * 255) << 24) | (colour[2] << 16) | (colour[1] << 8) | colour[0]) >>> 0;

/**
 * Gray of every stored number of a volume of whole numbers.
 * @param {Volume} volume
 * @param {{low: number, high: number}} window
 * @param {boolean} inverted
 * @returns {(raw: number) => number}
 */
function grayRule({ data, slope, intercept }, { low, high }, inverted) {
  const span = Math.max(1e-6, high - low);
  const gray = (/** @type {number} */ raw) => {
    const share = Math.max(0, Math.min(1, (raw * slope + intercept - low) / span));
    return Math.round(255 * (inverted ? 1 - share : share));
  };
  if (data instanceof Float32Array || data instanceof Float64Array || data instanceof Int32Array) return gray;
  const signed = data instanceof Int16Array || data instanceof Int8Array;
  const table = new Uint8Array(65536);
  for (let index = 0; index < 65536; ++index) table[index] = gray(signed && index > 32767 ? index - 65536 : index);
  return (raw) => table[raw & 65535];
}

/** Paints slices of one scene; keeps the table of grays while the window stays. */
export class SlicePainter {
  /** @param {Scene} scene */
  constructor(scene) {
    this.scene = scene;
    this.ruleOf = "";
    /** @type {(raw: number) => number} */
    this.gray = (raw) => raw;
  }

  /**
   * The gray picture of a slice.
   * @param {Plane} plane
   * @param {number} depth
   * @param {ImageData} picture of the plane's size
   */
  image(plane, depth, picture) {
    const { volume, window, inverted } = this.scene;
    const rule = `${window.low} ${window.high} ${inverted}`;
    if (rule !== this.ruleOf) {
      this.gray = grayRule(volume, window, inverted);
      this.ruleOf = rule;
    }
    const { gray } = this;
    const { data } = volume;
    const { from, to } = volume.arriving ?? { from: 0, to: data.length };
    const pixels = new Uint32Array(picture.data.buffer);
    const { start, stepX, stepY } = walk(plane, volume.dims, depth);
    const [width, height] = plane.size;
    for (let y = 0, pixel = 0; y < height; ++y) {
      for (let x = 0, voxel = start + y * stepY; x < width; ++x, voxel += stepX, ++pixel) {
        pixels[pixel] = voxel < from || voxel >= to ? 0xff000000 : 0xff000000 | (gray(data[voxel]) * 0x010101);
      }
    }
  }

  /**
   * What is filled over a slice: the mask, else the Grad-CAM or the heat map, else the lungs.
   * @param {Plane} plane
   * @param {number} depth
   * @param {ImageData} picture
   * @returns {boolean} false where nothing is there
   */
  overlay(plane, depth, picture) {
    const { volume, mask, heat, cam, lungs } = this.scene;
    const filled = mask && this.scene.maskShown && this.scene.maskStyle === "fill" ? mask : null;
    const hot = cam && this.scene.camShown ? cam : heat && this.scene.heatShown ? heat : null;
    const lung = lungs && this.scene.lungsShown ? lungs : null;
    if (!filled && !hot && !lung) return false;
    const labels = this.scene.maskIsLabels;
    const maskColours = classColours.map((colour) => rgba(colour, this.scene.maskOpacity));
    const lungTint = rgba(lungColour, 0.22);
    const heatTable = heatColours.map((colour, index) =>
      (index < 3 ? 0 : rgba(colour, this.scene.heatOpacity * Math.min(1, index / 110))));
    const pixels = new Uint32Array(picture.data.buffer);
    const { start, stepX, stepY } = walk(plane, volume.dims, depth);
    const [width, height] = plane.size;
    let any = false;
    for (let y = 0, pixel = 0; y < height; ++y) {
      for (let x = 0, voxel = start + y * stepY; x < width; ++x, voxel += stepX, ++pixel) {
        let colour = 0;
        if (filled && filled.data[voxel] >= filled.cut) {
          colour = maskColours[labels ? (filled.data[voxel] - 1) % maskColours.length : 0];
        } else if (hot) {
          const p = hot.data[voxel] * hot.slope + hot.intercept;
          colour = heatTable[Math.max(0, Math.min(255, Math.round(p * 255)))];
        }
        if (colour === 0 && lung && lung[voxel]) colour = lungTint;
        pixels[pixel] = colour;
        if (colour) any = true;
      }
    }
    return any;
  }

  /**
   * The outline of the mask along the edges of its pixels, one path for each colour.
   * @param {Plane} plane
   * @param {number} depth
   * @returns {Map<number, Path2D>} label to path, in pixels of the slice
   */
  outline(plane, depth) {
    /** @type {Map<number, Path2D>} */
    const paths = new Map();
    const { volume, mask } = this.scene;
    if (!mask) return paths;
    const labels = this.scene.maskIsLabels;
    const { start, stepX, stepY } = walk(plane, volume.dims, depth);
    const [width, height] = plane.size;
    const labelAt = (/** @type {number} */ x, /** @type {number} */ y) => {
      if (x < 0 || y < 0 || x >= width || y >= height) return 0;
      const value = mask.data[start + x * stepX + y * stepY];
      return value >= mask.cut ? (labels ? value : 1) : 0;
    };
    const pathOf = (/** @type {number} */ label) => {
      const path = paths.get(label) ?? new Path2D();
      paths.set(label, path);
      return path;
    };
    for (let y = 0; y < height; ++y) {
      for (let x = 0; x < width; ++x) {
        const label = labelAt(x, y);
        if (label === 0) continue;
        const edges = [
          [labelAt(x, y - 1), x, y, x + 1, y], [labelAt(x, y + 1), x, y + 1, x + 1, y + 1],
          [labelAt(x - 1, y), x, y, x, y + 1], [labelAt(x + 1, y), x + 1, y, x + 1, y + 1],
        ];
        for (const [other, fromX, fromY, toX, toY] of edges) {
          if (other === label) continue;
          const path = pathOf(label);
          path.moveTo(fromX, fromY);
          path.lineTo(toX, toY);
        }
      }
    }
    return paths;
  }
}
