// Windows: which values are shown black and white.

/** @typedef {import("./nifti.js").Volume} Volume */
/** @typedef {{name: string, low: number, high: number}} NamedWindow */

/**
 * The windows that an image offers, the first one is shown at the start.
 * @param {import("./api.js").Image} image
 * @param {Volume} volume
 * @returns {NamedWindow[]}
 */
export function windowsOf(image, volume) {
  const whole = wholeRange(volume);
  const [black, white] = image.own_window ?? [0, 0];
  const own = image.own_window ? [{ name: "the file's own", low: black, high: white }] : [];
  if (image.modality !== "CT") return [...own, { name: "contrast", ...middleOf(volume) }, whole];
  const [low, high] = image.window_hu ?? [-1350, 150];
  return [{ name: "lung", low, high }, { name: "mediastinum", low: -160, high: 240 },
    { name: "bone", low: -500, high: 1300 }, ...own, whole];
}

/**
 * From the lowest to the highest value, looked for when somebody asks: it takes a tenth of a second
 * in a large volume.
 * @param {Volume} volume
 * @returns {NamedWindow}
 */
function wholeRange(volume) {
  /** @type {{low: number, high: number} | null} */
  let found = null;
  const range = () => (volume.arriving ? rangeOf(volume) : (found ??= rangeOf(volume)));
  return { name: "whole range", get low() { return range().low; }, get high() { return range().high; } };
}

/**
 * @param {Volume} volume
 * @returns {{low: number, high: number}}
 */
function rangeOf({ data, slope, intercept }) {
  let low = Infinity;
  let high = -Infinity;
  for (let voxel = 0; voxel < data.length; ++voxel) {
    const value = data[voxel];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low: low * slope + intercept, high: high * slope + intercept };
}

/**
 * From the first to the ninety-ninth of a hundred values.
 * @param {Volume} volume
 * @returns {{low: number, high: number}}
 */
function middleOf({ data, slope, intercept }) {
  const step = Math.max(1, Math.floor(data.length / 50000));
  /** @type {number[]} */
  const some = [];
  for (let voxel = 0; voxel < data.length; voxel += step) some.push(data[voxel] * slope + intercept);
  some.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => some[Math.floor(share * (some.length - 1))];
  return at(0.99) > at(0.01) ? { low: at(0.01), high: at(0.99) } : rangeOf({ data, slope, intercept, dims: [0, 0, 0], affine: [] });
}
