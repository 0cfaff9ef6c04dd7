// Volumes whose axes are stored in every way: a marker at a known place of the body has to be where a
// radiologist looks for it.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { folder, painted } from "./desk.js";

/** Millimetres in the body: x to the right, y to the front, z to the head. */
const bodySize = [96, 80, 64];
/** A box on the patient's left, in front, near the head. */
const marker = { from: [12, 56, 48], to: [28, 64, 60] };

const rotation = (degrees) => {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return [[c, -s * c, s * s], [s, c * c, -s * c], [0, s, c]];
};

/**
 * Ways to store a volume: the body axis that each voxel axis runs along, whether against it, the
 * spacing, and by how much it is turned besides.
 */
export const orientations = [
  { name: "axial, left-handed", axes: [0, 1, 2], against: [false, true, false], spacing: [2, 2, 4], degrees: 0 },
  { name: "coronal", axes: [0, 2, 1], against: [true, true, false], spacing: [2, 2, 4], degrees: 0 },
  { name: "sagittal", axes: [1, 2, 0], against: [true, true, true], spacing: [2, 2, 4], degrees: 0 },
  { name: "oblique, rows to the front", axes: [1, 0, 2], against: [false, true, false], spacing: [2, 4, 2], degrees: 14 },
];

/** A NIfTI file of the body, and where the marker's middle is: as voxel and in mm. */
function volumeOf({ axes, against, spacing, degrees }) {
  const dims = axes.map((body, axis) => bodySize[body] / spacing[axis]);
  // Where the middle of voxel index of an axis is, along its body axis.
  const along = (axis, index) => (against[axis] ? dims[axis] - 1 - index : index) * spacing[axis] + spacing[axis] / 2;
  const turn = rotation(degrees);
  const columns = axes.map((body, axis) => turn.map((row) => row[body] * spacing[axis] * (against[axis] ? -1 : 1)));
  const first = [0, 0, 0];
  axes.forEach((body, axis) => { first[body] = along(axis, 0) - bodySize[body] / 2; });
  const origin = turn.map((row) => row.reduce((sum, value, body) => sum + value * first[body], 0));
  const bytes = Buffer.alloc(352 + 2 * dims[0] * dims[1] * dims[2]);
  bytes.writeInt32LE(348, 0);
  [3, ...dims, 1, 1, 1, 1].forEach((size, index) => bytes.writeInt16LE(size, 40 + 2 * index));
  bytes.writeInt16LE(4, 70); // 16-bit numbers
  bytes.writeInt16LE(16, 72);
  [1, ...spacing].forEach((mm, index) => bytes.writeFloatLE(mm, 76 + 4 * index));
  bytes.writeFloatLE(352, 108);
  bytes.writeFloatLE(1, 112);
  bytes.writeUInt8(2, 123);
  bytes.writeInt16LE(1, 254); // an sform
  for (let row = 0; row < 3; ++row) {
    [...columns.map((column) => column[row]), origin[row]].forEach((value, index) => bytes.writeFloatLE(value, 280 + 16 * row + 4 * index));
  }
  bytes.write("n+1\0", 344, "latin1");
  const sum = [0, 0, 0];
  let count = 0;
  for (let k = 0, at = 352; k < dims[2]; ++k) {
    for (let j = 0; j < dims[1]; ++j) {
      for (let i = 0; i < dims[0]; ++i, at += 2) {
        const place = [0, 0, 0];
        [i, j, k].forEach((index, axis) => { place[axes[axis]] = along(axis, index); });
        const inside = place.every((mm, body) => mm > marker.from[body] && mm < marker.to[body]);
        bytes.writeInt16LE(inside ? 900 : -850, at);
        if (!inside) continue;
        ++count;
        [i, j, k].forEach((index, axis) => { sum[axis] += index; });
      }
    }
  }
  const voxel = sum.map((value) => Math.round(value / count));
  const mm = origin.map((value, row) => value + columns.reduce((all, column, axis) => all + column[row] * voxel[axis], 0));
  return { bytes, voxel, mm };
}

/** Where the bright pixels of a plane are, as shares of the slice: middle and extent, and the size of the slice. */
const brightPart = (page, plane) => page.locator(`canvas[data-plane="${plane}"]`).evaluate((canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const bright = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      if (data[4 * (y * width + x)] < 138) continue; // half of the step: where smoothing leaves the edge
      Object.assign(bright, { left: Math.min(bright.left, x), right: Math.max(bright.right, x), top: Math.min(bright.top, y), bottom: Math.max(bright.bottom, y) });
    }
  }
  return {
    x: (bright.left + bright.right) / 2 / width, y: (bright.top + bright.bottom) / 2 / height,
    ratio: (bright.right - bright.left + 1) / (bright.bottom - bright.top + 1),
  };
});

/**
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 */
export async function checkOrientations(page, origin) {
  const size = marker.to.map((to, body) => to - marker.from[body]);
  for (const orientation of orientations) {
    const { bytes, voxel, mm } = volumeOf(orientation);
    const file = join(folder, "oriented.nii");
    writeFileSync(file, bytes);
    await page.goto(origin);
    const study = await page.evaluate(async (name) => {
      const { send } = await import("/modules/api.js");
      return (await send("POST", "/studies", { name })).id;
    }, orientation.name);
    await page.evaluate(async ([id, base64]) => {
      const { finished, send, sendFile } = await import("/modules/api.js");
      const binary = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      await sendFile("PUT", `/studies/${id}/files?path=a.nii`, new Blob([binary]));
      await finished((await send("POST", `/studies/${id}/import`)).id);
    }, [study, bytes.toString("base64")]);
    await page.goto(`${origin}/study.html?study=${study}`);
    await page.waitForSelector("body[data-opened-ms]", { state: "attached", timeout: 15000 }).catch(async () => { throw new Error(await page.locator("#status").innerText()); });
    await page.locator("#cross").uncheck();
    const place = await page.evaluate(async (at) => {
      const { state } = await import("/pages/study_state.js");
      state.viewer.scene.window = { low: -1000, high: 900 };
      state.viewer.moveTo(at);
      return document.getElementById("place").textContent;
    }, voxel);
    await painted(page);
    const told = /([\d.]+) ([RL]), ([\d.]+) ([AP]), ([\d.]+) ([SI]) mm/.exec(place);
    assert.ok(told, `${orientation.name}: ${place}`);
    [["R", "L"], ["A", "P"], ["S", "I"]].forEach(([plus], body) => {
      const value = Number(told[1 + 2 * body]) * (told[2 + 2 * body] === plus ? 1 : -1);
      assert.ok(Math.abs(value - mm[body]) < 0.06, `${orientation.name}: ${place}, expected ${mm}`);
    });
    assert.match(place, / 900 /, `${orientation.name}: the cross-hair is on the marker`);
    const expected = {
      // The patient's left is on the right of the screen; front or head on top.
      axial: { right: true, top: true, ratio: size[0] / size[1] },
      coronal: { right: true, top: true, ratio: size[0] / size[2] },
      // The front is on the left.
      sagittal: { right: false, top: true, ratio: size[1] / size[2] },
    };
    for (const [plane, { right, top, ratio }] of Object.entries(expected)) {
      const found = await brightPart(page, plane);
      const what = `${orientation.name}, ${plane}: ${JSON.stringify(found)}`;
      assert.equal(found.x > 0.5, right, what);
      assert.equal(found.y < 0.5, top, what);
      assert.ok(Math.abs(Math.log(found.ratio / ratio)) < 0.15, `${what}, expected ${ratio}`);
    }
  }
}
