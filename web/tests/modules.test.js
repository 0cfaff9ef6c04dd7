// The modules that know nothing of the screen, by hand-made values. Run by `node --test`.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";

import { extentOf, partner } from "../modules/linked_slices.js";
import { MaskEditor, squaredDistance } from "../modules/mask_editor.js";
import { amountOf, ThresholdMeasures, voxelMl } from "../modules/measures.js";
import { readNifti, spacingOf, writeNifti } from "../modules/nifti.js";
import { fromVoxel, nearestVoxel, picturePlane, planeOf, toMm, toVoxel, walk } from "../modules/planes.js";
import { readGrayPng, writeGrayPng } from "../modules/png.js";
import { ancestorWith } from "../modules/study_image.js";
import { smallScene } from "../modules/volume_3d.js";
import { windowsOf } from "../modules/windows.js";

const web = new URL("..", import.meta.url);

// The grid that most CT files have: rows towards the left, columns towards the back.
const supine = { dims: [8, 6, 4], affine: [-2, 0, 0, 50, 0, -2, 0, 60, 0, 0, 5, -10] };

const chunk = (name, data) => {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(name, 4, "latin1");
  data.copy(bytes, 8);
  return bytes;
};

function png(width, height, bits, rows, colour = 0, interlaced = 0) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([bits, colour, 0, 0, interlaced], 8);
  const file = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.from(rows))), chunk("IEND", Buffer.alloc(0))]);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
}

test("every page and module is in the list of files that are embedded", () => {
  const listed = readFileSync(new URL("files.txt", web), "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  const there = ["", "modules/", "pages/"].flatMap((folder) => readdirSync(new URL(folder, web))
    .filter((name) => /\.(html|css|svg)$/.test(name) || (folder && name.endsWith(".js"))).map((name) => folder + name));
  assert.deepEqual([...listed].sort(), there.sort());
});

test("pages hold no inline script, style or address of elsewhere", () => {
  for (const name of readdirSync(web).filter((file) => file.endsWith(".html"))) {
    const text = readFileSync(new URL(name, web), "utf8");
    assert.doesNotMatch(text, /<style|style=|\son[a-z]+=|https?:|<script(?![^>]*\ssrc=)/, name);
    assert.match(text, /<html lang="en">/, name);
  }
});

test("a mask survives writing and reading", async () => {
  const labels = Uint8Array.from({ length: 192 }, (_, voxel) => voxel % 3);
  const bytes = writeNifti(supine, labels);
  for (const packed of [bytes.buffer, new Uint8Array(gzipSync(bytes)).buffer]) {
    const volume = await readNifti(packed);
    assert.deepEqual(volume.dims, supine.dims);
    assert.deepEqual(volume.affine, supine.affine);
    assert.deepEqual(volume.data, labels);
    assert.equal(volume.window, null);
  }
});

test("16-bit numbers keep slope and intercept, and a window is read", async () => {
  const bytes = new Uint8Array(352 + 2 * 4);
  bytes.set(writeNifti({ dims: [2, 2, 1], affine: supine.affine, window: { low: -900, high: 100 } }, new Uint8Array(4)).subarray(0, 352));
  const view = new DataView(bytes.buffer);
  view.setInt16(70, 4, true);
  view.setFloat32(112, 0.5, true);
  view.setFloat32(116, -3, true);
  [-7, 0, 9, 32767].forEach((value, index) => view.setInt16(352 + 2 * index, value, true));
  const volume = await readNifti(bytes.buffer);
  assert.deepEqual([...volume.data], [-7, 0, 9, 32767]);
  assert.deepEqual([volume.slope, volume.intercept], [0.5, -3]);
  assert.deepEqual(volume.window, { low: -900, high: 100 });
});

test("a qform is the same as the sform it was made from", async () => {
  const bytes = writeNifti(supine, new Uint8Array(192));
  const view = new DataView(bytes.buffer);
  view.setInt16(254, 0, true);  // no sform
  view.setInt16(252, 1, true);
  view.setFloat32(76, 1, true);
  [0, 0, 1].forEach((value, index) => view.setFloat32(256 + 4 * index, value, true));  // half a turn about z
  [50, 60, -10].forEach((value, index) => view.setFloat32(268 + 4 * index, value, true));
  const { affine } = await readNifti(bytes.buffer);
  affine.forEach((value, index) => assert.ok(Math.abs(value - supine.affine[index]) < 1e-5));
});

test("files that are no volumes are refused in one line", async () => {
  const bytes = writeNifti(supine, new Uint8Array(192));
  await assert.rejects(readNifti(bytes.buffer.slice(0, 100)), /cut off in its header/);
  await assert.rejects(readNifti(bytes.buffer.slice(0, 400)), /cut off: 8 x 6 x 4 voxels do not fit/);
  await assert.rejects(readNifti(new ArrayBuffer(400)), /not NIfTI-1/);
  new DataView(bytes.buffer).setInt16(70, 128, true);
  await assert.rejects(readNifti(bytes.buffer), /type 128, which is not shown/);
});

test("PNG files are read with all their bits and filters", async () => {
  const deep = await readGrayPng(png(2, 1, 16, [0, 0x12, 0x34, 0xff, 0xff]));
  assert.deepEqual([...deep.data], [0x1234, 0xffff]);
  const filtered = await readGrayPng(png(3, 5, 8, [
    0, 10, 20, 30, 1, 10, 5, 5, 2, 1, 1, 1, 3, 5, 5, 5, 4, 1, 1, 1]));
  assert.deepEqual([...filtered.data], [10, 20, 30, 10, 15, 20, 11, 16, 21, 10, 18, 24, 11, 19, 25]);
  const bits = await readGrayPng(png(3, 1, 1, [0, 0b10100000]));
  assert.deepEqual([...bits.data], [1, 0, 1]);
  await assert.rejects(readGrayPng(new ArrayBuffer(60)), /not a PNG file/);
  await assert.rejects(readGrayPng(png(1, 1, 8, [0, 0], 0, 1)), /interlaced/);
  await assert.rejects(readGrayPng(png(9, 9, 8, [0, 0])), /cut off/);
});

test("the file's own window is offered where it names one", () => {
  const volume = { dims: [2, 1, 1], affine: supine.affine, data: Int16Array.from([-5, 900]), slope: 1, intercept: 0 };
  const names = (/** @type {any} */ image) => windowsOf(image, volume).map(({ name }) => name);
  const ct = { modality: "CT", window_hu: [-1350, 150], own_window: [-900, 100] };
  assert.deepEqual(names(ct), ["lung", "mediastinum", "bone", "the file's own", "whole range"]);
  const own = windowsOf(ct, volume)[3];
  assert.deepEqual([own.low, own.high], [-900, 100]);
  assert.deepEqual(names({ ...ct, own_window: null }), ["lung", "mediastinum", "bone", "whole range"]);
  assert.deepEqual(names({ ...ct, modality: "gray volume" }), ["the file's own", "contrast", "whole range"]);
});

test("a written PNG is read again", async () => {
  const data = Uint8Array.from({ length: 35 }, (_, index) => (index * 37) % 256);
  const picture = await readGrayPng(await (await writeGrayPng(7, 5, data)).arrayBuffer());
  assert.deepEqual([picture.width, picture.height], [7, 5]);
  assert.deepEqual(picture.data, data);
});

test("planes show the right side on the left and the head on top, whatever the order of the axes", () => {
  // The same body stored in three orders; its right front upper corner has to be at the same place.
  const orders = [supine, { dims: [8, 6, 4], affine: [2, 0, 0, -50, 0, 2, 0, 0, 0, 0, -5, 5] },
    { dims: [4, 8, 6], affine: [0, 2, 0, -50, 0, 0, -2, 60, 5, 0, 0, -10] }];
  for (const volume of orders) {
    for (const name of ["axial", "coronal", "sagittal"]) {
      const plane = planeOf(volume, name);
      const corner = toMm(volume.affine, toVoxel(plane, volume.dims, [0, 0, 0]));
      const across = toMm(volume.affine, toVoxel(plane, volume.dims, [1, 0, 0]));
      const down = toMm(volume.affine, toVoxel(plane, volume.dims, [0, 1, 0]));
      const [x, y] = { axial: [0, 1], coronal: [0, 2], sagittal: [1, 2] }[name];
      assert.ok(across[x] < corner[x], `${name} x`);
      assert.ok(down[y] < corner[y], `${name} y`);
      assert.deepEqual(fromVoxel(plane, volume.dims, toVoxel(plane, volume.dims, [1, 2, 3])), [1, 2, 3]);
      const { start, stepX, stepY } = walk(plane, volume.dims, 1);
      const [i, j, k] = toVoxel(plane, volume.dims, [2, 3, 1]);
      assert.equal(start + 2 * stepX + 3 * stepY, i + volume.dims[0] * (j + volume.dims[1] * k));
    }
  }
  assert.deepEqual(nearestVoxel(supine, toMm(supine.affine, [3, 4, 2])), [3, 4, 2]);
  assert.deepEqual(nearestVoxel(supine, [1e6, 1e6, 1e6]), [0, 0, 3]);
  assert.deepEqual(spacingOf(supine.affine), [2, 2, 5]);
});

test("the brush marks the discs along its way, in mm", () => {
  const dims = [20, 20, 3];
  const plane = planeOf({ dims, affine: [-2, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0] }, "axial");
  const editor = new MaskEditor(dims, new Uint8Array(1200));
  editor.begin();
  editor.brush(plane, [10, 10, 1], { radiusMm: 4, label: 1 });
  const expected = [];
  for (let y = 0; y < 20; ++y) for (let x = 0; x < 20; ++x) if (Math.hypot(2 * (x - 10), y - 10) <= 4) expected.push(400 + x + 20 * y);
  assert.deepEqual([...editor.labels.keys()].filter((voxel) => editor.labels[voxel]), expected);
  assert.equal(editor.marked, expected.length);
  assert.ok(editor.end());
  editor.begin();
  editor.brush(plane, [3, 3, 1], { radiusMm: 0.1, label: 2 });
  editor.brush(plane, [9, 3, 1], { radiusMm: 0.1, label: 2, last: [3, 3] });
  editor.end();
  assert.equal(editor.labels.filter((label) => label === 2).length, 7);
});

test("undo and redo bring every stroke back, and counts follow", () => {
  const dims = [10, 10, 1];
  const plane = picturePlane(dims);
  const editor = new MaskEditor(dims, new Uint8Array(100).fill(1, 40, 60));
  assert.equal(editor.marked, 20);
  const states = [editor.labels.slice()];
  for (const [x, y, label] of [[2, 2, 1], [5, 5, 0], [8, 8, 3]]) {
    editor.begin();
    editor.brush(plane, [x, y, 0], { radiusMm: 1, label });
    editor.end();
    states.push(editor.labels.slice());
  }
  for (let at = 2; at >= 0; --at) {
    assert.ok(editor.undo());
    assert.deepEqual(editor.labels, states[at]);
  }
  assert.ok(!editor.undo());
  assert.equal(editor.marked, 20);
  for (let at = 1; at <= 3; ++at) {
    assert.ok(editor.redo());
    assert.deepEqual(editor.labels, states[at]);
  }
  assert.ok(!editor.redo());
  assert.equal(editor.marked, states[3].filter((label) => label).length);
});

test("fill closes a ring and leaves an open area", () => {
  const dims = [7, 7, 1];
  const plane = picturePlane(dims);
  const labels = new Uint8Array(49);
  for (let at = 1; at <= 5; ++at) for (const voxel of [7 + at, 35 + at, 7 * at + 1, 7 * at + 5]) labels[voxel] = 1;
  const editor = new MaskEditor(dims, labels);
  assert.equal(editor.fill(plane, [0, 0, 0], 1), 0);
  assert.equal(editor.fill(plane, [3, 3, 0], 1), 9);
  assert.equal(editor.marked, 25);
  assert.equal(editor.fill(plane, [3, 3, 0], 1), 0);
  assert.equal(editor.fill(plane, [3, 3, 0], 0), 25);
});

test("interpolation goes from one slice's shape to the other's and only adds", () => {
  const dims = [32, 32, 7];
  const plane = planeOf({ dims, affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0] }, "axial");
  const editor = new MaskEditor(dims, new Uint8Array(32 * 32 * 7));
  const area = (slice) => editor.labels.subarray(1024 * slice, 1024 * (slice + 1)).filter((label) => label).length;
  assert.equal(editor.interpolate(plane, 1), null);
  editor.brush(plane, [15, 15, 1], { radiusMm: 3, label: 1 });
  assert.equal(editor.interpolate(plane, 1), null);
  editor.brush(plane, [15, 15, 5], { radiusMm: 9, label: 1 });
  editor.set(1024 * 3, 1);
  assert.deepEqual(editor.interpolate(plane, 1), { from: 1, to: 5 });
  assert.ok(area(1) < area(2) && area(2) < area(3) && area(3) < area(4) && area(4) < area(5));
  // Half-way the disc has the mean radius, 6, besides the voxel that was there.
  assert.ok(Math.abs(area(3) - 1 - Math.PI * 36) < 12, String(area(3)));
  assert.equal(editor.labels[1024 * 3], 1);
  assert.equal(area(0) + area(6), 0);
});

test("squared distances are those of all pairs", () => {
  const kinds = Uint8Array.from({ length: 60 }, (_, pixel) => ((pixel * 7919) % 11 === 0 ? 1 : 0));
  const squares = squaredDistance(kinds, 1, 10, 6, [2, 0.5]);
  for (let pixel = 0; pixel < 60; ++pixel) {
    const nearest = Math.min(...[...kinds.keys()].filter((other) => kinds[other]).map((other) =>
      (2 * (other % 10 - pixel % 10)) ** 2 + (0.5 * (Math.floor(other / 10) - Math.floor(pixel / 10))) ** 2));
    assert.ok(Math.abs(squares[pixel] - nearest) < 1e-4);
  }
});

test("amounts at every threshold are those that counting gives", () => {
  const slope = 1 / 16384;
  const data = Int16Array.from({ length: 1000 }, (_, voxel) => (voxel * 7919) % 16385);
  const measures = new ThresholdMeasures({ dims: [10, 10, 10], affine: supine.affine, data, slope, intercept: 0 });
  for (const threshold of [0.01, 0.25, 0.3, 0.5, 0.777, 0.99]) {
    const marked = [...data.keys()].filter((voxel) => data[voxel] * slope >= threshold).length;
    assert.equal(measures.count(threshold), marked);
    assert.equal(measures.mask(threshold).filter((label) => label).length, marked);
    const amount = amountOf(measures.count(threshold), { voxelMl: voxelMl(supine.affine), lungMl: 40 });
    assert.ok(Math.abs(amount.ml - marked * 0.02) < 1e-9);
    assert.ok(Math.abs(amount.share - (marked * 0.02) / 40) < 1e-12);
  }
  assert.deepEqual(amountOf(5, { voxelMl: null, lungMl: null }), { voxels: 5, ml: null, share: null });
  assert.equal(amountOf(5, { voxelMl: 2, lungMl: 8 }).share, 1);
});

test("slices of two studies belong together by their share of the lungs", () => {
  const dims = [2, 2, 10];
  const plane = planeOf({ dims, affine: supine.affine }, "axial");
  const lungs = new Uint8Array(40).fill(1, 4 * 2, 4 * 8);
  assert.deepEqual(extentOf(plane, dims, lungs), [2, 7]);
  assert.deepEqual(extentOf(plane, dims, null), [0, 9]);
  assert.equal(partner(2, [2, 7], { extent: [10, 30], slices: 40 }, 0), 10);
  assert.equal(partner(7, [2, 7], { extent: [10, 30], slices: 40 }, 0), 30);
  assert.equal(partner(7, [2, 7], { extent: [10, 30], slices: 40 }, 0.1), 32);
  assert.equal(partner(9, [2, 7], { extent: [10, 30], slices: 32 }, 0), 31);
});

test("the small scene keeps infection, and its middle", () => {
  const dims = [300, 10, 4];
  const volume = { dims, affine: [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7], data: new Int16Array(12000).fill(-1000), slope: 1, intercept: 0 };
  const mask = new Uint8Array(12000);
  mask[299] = 1;
  const scene = smallScene(volume, new Uint8Array(12000).fill(1, 0, 3000), { data: mask, cut: 1 });
  assert.deepEqual(scene.dims, [100, 10, 4]);
  assert.equal(scene.data[99], 255);
  assert.equal(scene.data.filter((value) => value === 90).length, 999);
  assert.deepEqual(toMm(scene.affine, [0, 0, 0]), [6, 6, 7]);
});

test("a correction takes its layers from the nearest version that has them", () => {
  const versions = [{ version: 1, parent: null, has: ["mask", "probability"] }, { version: 2, parent: null, has: ["mask", "probability"] },
    { version: 3, parent: 1, has: ["mask"] }, { version: 4, parent: 3, has: ["mask"] }];
  assert.equal(ancestorWith(versions, 4, "probability"), 1);
  assert.equal(ancestorWith(versions, 4, "mask"), 4);
  assert.equal(ancestorWith(versions, 4, "lungs"), null);
  assert.equal(ancestorWith(versions, 9, "mask"), null);
});
