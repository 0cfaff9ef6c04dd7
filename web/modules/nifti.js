// NIfTI-1 files to volumes and back. Only what the server sends: one file, one volume in it.

/**
 * A volume as its file has it. Voxel (i, j, k) stands at i + dims[0] * (j + dims[1] * k).
 * @typedef {object} Volume
 * @property {[number, number, number]} dims voxels along i, j and k
 * @property {number[]} affine 12 numbers, three rows of four: voxel (i, j, k) to mm, where x grows
 *   towards the patient's right, y towards the front and z towards the head
 * @property {VoxelArray} data as stored; a value is data * slope + intercept
 * @property {number} slope
 * @property {number} intercept
 * @property {{low: number, high: number} | null} [window] the file's own, where it names one
 * @property {{from: number, to: number}} [arriving] the voxels that are there while the others are on their way
 */

/** @typedef {Uint8Array|Int8Array|Int16Array|Uint16Array|Int32Array|Float32Array|Float64Array} VoxelArray */

const headerBytes = 348;
const dataOffset = 352;

/** @type {Record<number, (buffer: ArrayBuffer, offset: number, count: number) => VoxelArray>} */
const readers = {
  2: (buffer, offset, count) => new Uint8Array(buffer, offset, count),
  256: (buffer, offset, count) => new Int8Array(buffer, offset, count),
  4: (buffer, offset, count) => new Int16Array(buffer, offset, count),
  512: (buffer, offset, count) => new Uint16Array(buffer, offset, count),
  8: (buffer, offset, count) => new Int32Array(buffer, offset, count),
  16: (buffer, offset, count) => new Float32Array(buffer, offset, count),
  64: (buffer, offset, count) => new Float64Array(buffer, offset, count),
};

/** @type {Record<number, number>} bytes of a voxel */
const voxelBytes = { 2: 1, 256: 1, 4: 2, 512: 2, 8: 4, 16: 4, 64: 8 };

/**
 * Unpacks gzip where its two first bytes say so; other bytes come back as they are.
 * @param {ArrayBuffer} buffer
 * @returns {Promise<ArrayBuffer>}
 */
export async function unpacked(buffer) {
  const start = new Uint8Array(buffer, 0, Math.min(2, buffer.byteLength));
  if (start[0] !== 0x1f || start[1] !== 0x8b) return buffer;
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/**
 * Reads a little-endian NIfTI-1 file (packed or not).
 * @param {ArrayBuffer} packed
 * @returns {Promise<Volume>}
 * @throws {Error} of one line where it is not such a file
 */
export async function readNifti(packed) {
  const buffer = await unpacked(packed);
  return volumeIn(buffer, readHeader(buffer, buffer.byteLength));
}

/**
 * Where a file has its voxels, and what else its header says.
 * @typedef {Omit<Volume, "data"> & {kind: number, offset: number, count: number, bytes: number}} Header `bytes` of a
 *   voxel
 */

/**
 * @param {ArrayBuffer} buffer of the file, at least its first 352 bytes
 * @param {number} size of the whole file
 * @returns {Header}
 * @throws {Error} of one line where it is not such a file
 */
export function readHeader(buffer, size) {
  if (buffer.byteLength < dataOffset) throw new Error("the volume's file is cut off in its header");
  const view = new DataView(buffer);
  if (view.getInt32(0, true) !== headerBytes) throw new Error("the volume's file is not NIfTI-1");
  const axes = view.getInt16(40, true);
  /** @type {[number, number, number]} */
  const dims = [1, 1, 1];
  for (let axis = 0; axis < Math.min(3, axes); ++axis) dims[axis] = view.getInt16(42 + 2 * axis, true);
  const kind = view.getInt16(70, true);
  if (!readers[kind]) throw new Error(`the volume's numbers are of NIfTI type ${kind}, which is not shown`);
  const offset = Math.max(dataOffset, view.getFloat32(108, true));
  const count = dims[0] * dims[1] * dims[2];
  if (size < offset + count * voxelBytes[kind]) {
    throw new Error(`the volume's file is cut off: ${dims.join(" x ")} voxels do not fit into it`);
  }
  const slope = view.getFloat32(112, true);
  const intercept = view.getFloat32(116, true);
  return {
    dims,
    affine: affineOf(view),
    kind, offset, count, bytes: voxelBytes[kind],
    slope: slope === 0 || !Number.isFinite(slope) ? 1 : slope,
    intercept: slope === 0 || !Number.isFinite(intercept) ? 0 : intercept,
    window: windowOf(view),
  };
}

/**
 * The volume whose file is in a buffer, without a copy where the numbers lie well in it.
 * @param {ArrayBuffer} buffer
 * @param {Header} header
 * @returns {Volume}
 */
export function volumeIn(buffer, { kind, offset, count, bytes, ...about }) {
  const aligned = offset % bytes === 0 ? buffer : buffer.slice(offset);
  return { ...about, data: readers[kind](aligned, aligned === buffer ? offset : 0, count) };
}

/**
 * @param {DataView} view
 * @returns {{low: number, high: number} | null}
 */
function windowOf(view) {
  const high = view.getFloat32(124, true);
  const low = view.getFloat32(128, true);
  return high > low ? { low, high } : null;
}

/**
 * The sform where there is one, else the qform, else the spacing alone.
 * @param {DataView} view
 * @returns {number[]}
 */
function affineOf(view) {
  const number = (/** @type {number} */ at) => view.getFloat32(at, true);
  if (view.getInt16(254, true) > 0) {
    return Array.from({ length: 12 }, (_, index) => number(280 + 4 * index));
  }
  const [dx, dy, dz] = [80, 84, 88].map((at) => Math.abs(number(at)) || 1);
  if (view.getInt16(252, true) <= 0) return [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0];
  const [b, c, d] = [256, 260, 264].map(number);
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const handed = number(76) < 0 ? -1 : 1;
  const [x, y, z] = [268, 272, 276].map(number);
  return [
    (a * a + b * b - c * c - d * d) * dx, 2 * (b * c - a * d) * dy, 2 * (b * d + a * c) * dz * handed, x,
    2 * (b * c + a * d) * dx, (a * a + c * c - b * b - d * d) * dy, 2 * (c * d - a * b) * dz * handed, y,
    2 * (b * d - a * c) * dx, 2 * (c * d + a * b) * dy, (a * a + d * d - b * b - c * c) * dz * handed, z,
  ];
}

/**
 * The spacing of voxels along i, j and k in mm.
 * @param {number[]} affine
 * @returns {[number, number, number]}
 */
export function spacingOf(affine) {
  const column = (/** @type {number} */ c) => Math.hypot(affine[c], affine[4 + c], affine[8 + c]);
  return [column(0), column(1), column(2)];
}

/**
 * A mask, or other small numbers, as the bytes of an unpacked NIfTI-1 file on the grid of `volume`.
 * @param {{dims: number[], affine: number[], window?: {low: number, high: number} | null}} volume the
 *   window is written where there is one
 * @param {Uint8Array} labels one for each voxel
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function writeNifti(volume, labels) {
  const bytes = new Uint8Array(dataOffset + labels.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, headerBytes, true);
  [3, ...volume.dims, 1, 1, 1, 1].forEach((size, index) => view.setInt16(40 + 2 * index, size, true));
  view.setInt16(70, 2, true);
  view.setInt16(72, 8, true);
  [1, ...spacingOf(volume.affine)].forEach((mm, index) => view.setFloat32(76 + 4 * index, mm, true));
  view.setFloat32(108, dataOffset, true);
  view.setFloat32(112, 1, true);
  view.setUint8(123, 2);  // mm
  view.setFloat32(124, volume.window?.high ?? 0, true);
  view.setFloat32(128, volume.window?.low ?? 0, true);
  view.setInt16(254, 1, true);
  volume.affine.forEach((value, index) => view.setFloat32(280 + 4 * index, value, true));
  bytes.set([0x6e, 0x2b, 0x31, 0], 344);  // n+1
  bytes.set(labels, dataOffset);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<Blob>}
 */
export async function gzipped(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).blob();
}
