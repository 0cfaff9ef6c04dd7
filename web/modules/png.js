// Gray PNG files with all their bits: a canvas would keep 8 of 16 and might change colours.

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * @typedef {object} GrayPicture
 * @property {number} width
 * @property {number} height
 * @property {Uint8Array | Uint16Array} data row by row
 */

/**
 * Reads a gray PNG of 1, 2, 4, 8 or 16 bits (without interlacing), or the first channel of another.
 * @param {ArrayBuffer} buffer
 * @returns {Promise<GrayPicture>}
 * @throws {Error} of one line
 */
export async function readGrayPng(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (!signature.every((byte, index) => bytes[index] === byte)) throw new Error("the picture is not a PNG file");
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const [bits, colour, , , interlaced] = bytes.subarray(24, 29);
  const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour] ?? 1;
  if (interlaced) throw new Error("the picture is an interlaced PNG file, which is not shown");
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === "IDAT") parts.push(bytes.slice(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const rowBytes = Math.ceil((width * channels * bits) / 8);
  if (packed.length < height * (rowBytes + 1)) throw new Error("the picture's file is cut off");
  const rows = unfiltered(packed, rowBytes, height, Math.max(1, (channels * bits) >> 3));
  const data = bits === 16 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      const at = y * rowBytes;
      if (bits === 16) data[y * width + x] = (rows[at + 2 * x * channels] << 8) | rows[at + 2 * x * channels + 1];
      else if (bits === 8) data[y * width + x] = rows[at + x * channels];
      else data[y * width + x] = (rows[at + ((x * bits) >> 3)] >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
    }
  }
  return { width, height, data };
}

/**
 * Takes the filters of PNG back.
 * @param {Uint8Array} packed one byte that names the filter, then the row
 * @param {number} rowBytes
 * @param {number} height
 * @param {number} pixelBytes
 */
function unfiltered(packed, rowBytes, height, pixelBytes) {
  const rows = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; ++y) {
    const filter = packed[y * (rowBytes + 1)];
    const from = y * (rowBytes + 1) + 1;
    const to = y * rowBytes;
    for (let x = 0; x < rowBytes; ++x) {
      const left = x >= pixelBytes ? rows[to + x - pixelBytes] : 0;
      const up = y > 0 ? rows[to + x - rowBytes] : 0;
      const corner = y > 0 && x >= pixelBytes ? rows[to + x - rowBytes - pixelBytes] : 0;
      const guess = [0, left, up, (left + up) >> 1, nearest(left, up, corner)][filter] ?? 0;
      rows[to + x] = packed[from + x] + guess;
    }
  }
  return rows;
}

/**
 * Paeth's guess.
 * @param {number} left
 * @param {number} up
 * @param {number} corner
 */
function nearest(left, up, corner) {
  const sum = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(sum - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/**
 * Writes an 8-bit gray PNG.
 * @param {number} width
 * @param {number} height
 * @param {Uint8Array} data
 * @returns {Promise<Blob>}
 */
export async function writeGrayPng(width, height, data) {
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; ++y) rows.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  return new Blob(
    [Uint8Array.from(signature), chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", new Uint8Array(0))],
    { type: "image/png" });
}

/**
 * @param {string} name
 * @param {Uint8Array} data
 */
function chunk(name, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  [...name].forEach((letter, index) => view.setUint8(4 + index, letter.charCodeAt(0)));
  bytes.set(data, 8);
  view.setUint32(8 + data.length, checksum(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

const checksums = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; ++bit) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes */
function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = checksums[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
