// An image of a study with the layers of one version: what is fetched, and the same for volumes and
// pictures.

import { addressOf, getBytes, getJson, getPart, Refusal } from "./api.js";
import { readHeader, readNifti, volumeIn } from "./nifti.js";
import { readGrayPng } from "./png.js";
import { picturePlane, planeOf } from "./planes.js";

/** @typedef {import("./nifti.js").Volume} Volume */
/** @typedef {import("./planes.js").Plane} Plane */
/** @typedef {import("./api.js").Image} Image */
/** @typedef {import("./api.js").VersionDetail} VersionDetail */

/**
 * A picture as a volume of one slice.
 * @param {ArrayBuffer} bytes of a PNG file
 * @returns {Promise<Volume>}
 */
export async function pictureVolume(bytes) {
  const { width, height, data } = await readGrayPng(bytes);
  return { dims: [width, height, 1], affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], data, slope: 1, intercept: 0 };
}

/**
 * Path of an image below /api/v1.
 * @param {string} study
 * @param {number} image
 */
export function imagePath(study, image) {
  return `/studies/${encodeURIComponent(study)}/images/${image}`;
}

/** Address of a small picture of an image. @param {string} study @param {number} image */
export function thumbnail(study, image) {
  return addressOf(`${imagePath(study, image)}/picture.png`);
}

/**
 * @param {string} study
 * @param {Image} image
 * @returns {Promise<Volume>}
 */
export async function loadImage(study, image) {
  const path = imagePath(study, image.id);
  if (image.kind === "picture") return pictureVolume(await getBytes(`${path}/picture.png`));
  return readNifti(await getBytes(`${path}/volume.nii`));
}

/**
 * A volume of which the middle slice of its file is there, while the others are still on their way.
 * @param {string} study
 * @param {Image} image
 * @returns {Promise<{volume: Volume, whole: Promise<void>}>}
 */
export async function arrivingVolume(study, image) {
  const path = `${imagePath(study, image.id)}/volume.nii`;
  const { bytes: front, size } = await getPart(path, 0, 352);
  const header = readHeader(front, size);
  const [columns, rows, slices] = header.dims;
  const from = columns * rows * Math.floor(slices / 2);
  const to = from + columns * rows;
  // Zeros that nobody has touched take no memory.
  const buffer = new ArrayBuffer(size);
  const [begin, end] = [from, to].map((voxel) => header.offset + voxel * header.bytes);
  new Uint8Array(buffer).set(new Uint8Array((await getPart(path, begin, end)).bytes), begin);
  const volume = { ...volumeIn(buffer, header), arriving: { from, to } };
  const whole = getBytes(path).then((bytes) => {
    Object.assign(volume, { data: volumeIn(bytes, readHeader(bytes, bytes.byteLength)).data, arriving: undefined });
  });
  whole.catch(() => {});  // told to whoever waits for it; another image may be shown by then
  return { volume, whole };
}

/**
 * The planes in which an image is shown.
 * @param {Image} image
 * @param {Volume} volume
 * @returns {Plane[]}
 */
export function planesOf(image, volume) {
  if (image.kind === "picture") return [picturePlane(volume.dims)];
  return [planeOf(volume, "axial"), planeOf(volume, "coronal"), planeOf(volume, "sagittal")];
}

/**
 * Labels of a mask file, 0 for background. Pictures of one class may have 255 for it.
 * @param {Image} image
 * @param {ArrayBuffer} bytes
 * @returns {Promise<Uint8Array>}
 */
export async function readLabels(image, bytes) {
  if (image.kind === "volume") return asBytes(await readNifti(bytes));
  const { data } = await readGrayPng(bytes);
  return Uint8Array.from(data, (value) => (value === 255 ? 1 : value));
}

/**
 * @param {Volume} volume
 * @returns {Uint8Array}
 */
function asBytes({ data, slope, intercept }) {
  if (data instanceof Uint8Array && slope === 1 && intercept === 0) return data;
  return Uint8Array.from(data, (value) => Math.round(value * slope + intercept));
}

/**
 * @param {string} study
 * @param {Image} image
 * @param {number} version
 * @returns {Promise<Uint8Array>}
 */
export async function loadMask(study, image, version) {
  const file = image.kind === "picture" ? "mask.png" : "mask.nii.gz";
  return readLabels(image, await getBytes(`${imagePath(study, image.id)}/versions/${version}/${file}`));
}

/**
 * @param {string} study
 * @param {Image} image
 * @param {number} version
 * @returns {Promise<Volume>}
 */
export async function loadProbability(study, image, version) {
  const path = `${imagePath(study, image.id)}/versions/${version}`;
  if (image.kind === "volume") return readNifti(await getBytes(`${path}/probability.nii.gz`));
  const volume = await pictureVolume(await getBytes(`${path}/probability.png`));
  return { ...volume, slope: volume.data instanceof Uint16Array ? 1 / 65535 : 1 / 255 };
}

/**
 * Grad-CAM from 0 to 1; 0 in slices that were not explained.
 * @param {string} study
 * @param {Image} image
 * @param {number} version
 * @returns {Promise<Volume>}
 */
export async function loadGradCam(study, image, version) {
  const path = `${imagePath(study, image.id)}/versions/${version}`;
  const volume = image.kind === "volume" ? await readNifti(await getBytes(`${path}/gradcam.nii.gz`))
    : await pictureVolume(await getBytes(`${path}/gradcam_heat.png`));
  return { ...volume, slope: 1 / 255, intercept: 0 };
}

/**
 * @param {string} study
 * @param {Image} image
 * @param {number} version
 * @returns {Promise<Uint8Array | null>} null where nobody found them
 */
export async function loadLungs(study, image, version) {
  try {
    const file = image.kind === "picture" ? "lungs.png" : "lungs.nii.gz";
    return await readLabels(image, await getBytes(`${imagePath(study, image.id)}/versions/${version}/${file}`));
  } catch (problem) {
    if (problem instanceof Refusal && problem.status === 404) return null;
    throw problem;
  }
}

/**
 * @param {string} study
 * @param {number} image
 * @param {number} version
 * @returns {Promise<VersionDetail>}
 */
export async function loadVersion(study, image, version) {
  return getJson(`${imagePath(study, image)}/versions/${version}`);
}

/**
 * The nearest ancestor of a version, itself included, that has a layer.
 * @param {import("./api.js").ImageVersion[]} versions
 * @param {number} version
 * @param {string} layer
 * @returns {number | null}
 */
export function ancestorWith(versions, version, layer) {
  /** @type {number | null} */
  let at = version;
  while (at !== null) {
    const found = versions.find((other) => other.version === at);
    if (!found) return null;
    if (found.has.includes(layer)) return found.version;
    at = found.parent;
  }
  return null;
}
