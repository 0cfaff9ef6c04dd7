// Lungs and infection in space, drawn by NiiVue. Loaded only when somebody asks for it: NiiVue takes
// longer to start than the whole page.

import { spacingOf, writeNifti } from "./nifti.js";

/** @typedef {import("./nifti.js").Volume} Volume */

const mostVoxelsAlongAnAxis = 144;
const lungValue = 90;
const infectionValue = 255;

/**
 * Lungs and infection as one small volume: each of its voxels has the value of the largest thing in
 * its block. Without lungs, what is denser than air stands for the body.
 * @param {Volume} volume
 * @param {Uint8Array | null} lungs
 * @param {{data: ArrayLike<number>, cut: number} | null} mask
 * @returns {{dims: [number, number, number], affine: number[], data: Uint8Array}}
 */
export function smallScene(volume, lungs, mask) {
  const { dims, affine } = volume;
  const step = dims.map((size) => Math.max(1, Math.ceil(size / mostVoxelsAlongAnAxis)));
  const small = /** @type {[number, number, number]} */ (dims.map((size, axis) => Math.ceil(size / step[axis])));
  const data = new Uint8Array(small[0] * small[1] * small[2]);
  for (let k = 0, voxel = 0; k < dims[2]; ++k) {
    for (let j = 0; j < dims[1]; ++j) {
      const row = small[0] * (Math.floor(j / step[1]) + small[1] * Math.floor(k / step[2]));
      for (let i = 0; i < dims[0]; ++i, ++voxel) {
        const at = row + Math.floor(i / step[0]);
        if (mask && mask.data[voxel] >= mask.cut) data[at] = infectionValue;
        else if (data[at] < lungValue && (lungs ? lungs[voxel] : dense(volume, voxel))) data[at] = lungValue;
      }
    }
  }
  const scaled = affine.map((value, index) => (index % 4 === 3 ? value : value * step[index % 4]));
  for (let row = 0; row < 3; ++row) {
    for (let axis = 0; axis < 3; ++axis) scaled[4 * row + 3] += affine[4 * row + axis] * (step[axis] - 1) / 2;
  }
  return { dims: small, affine: scaled, data };
}

/**
 * @param {Volume} volume
 * @param {number} voxel
 */
function dense(volume, voxel) {
  return volume.data[voxel] * volume.slope + volume.intercept > -300;
}

/** The picture in space of one canvas. */
export class SpaceView {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {import("@niivue/niivue").Niivue | null} */
    this.niivue = null;
    this.azimuth = 160;
    this.elevation = 12;
  }

  /**
   * Shows lungs and infection, again after either has changed.
   * @param {Volume} volume
   * @param {Uint8Array | null} lungs
   * @param {{data: ArrayLike<number>, cut: number} | null} mask
   * @throws {Error} where the browser has no WebGL 2, or the program was built without NiiVue
   */
  async show(volume, lungs, mask) {
    const { dims, affine, data } = smallScene(volume, lungs, mask);
    const file = writeNifti({ dims, affine, window: { low: 0, high: infectionValue } }, data);
    const niivue = await this.#start();
    for (const old of [...niivue.volumes]) niivue.removeVolume(old);
    await niivue.loadFromArrayBuffer(file.buffer, "scene.nii");
    const shown = niivue.volumes[0];
    shown.cal_min = 0;
    shown.cal_max = infectionValue;
    niivue.setColormap(shown.id, "groundglass");
    niivue.updateGLVolume();
    this.turn(0, 0);
    this.canvas.dataset.spacing = spacingOf(affine).map((mm) => mm.toFixed(1)).join(" ");
  }

  async #start() {
    if (this.niivue) return this.niivue;
    if (!document.createElement("canvas").getContext("webgl2")) {
      throw new Error("this browser offers no WebGL 2, which the picture in space needs; the planes work without it");
    }
    let library;
    try {
      library = await import("../niivue.js");
    } catch {
      throw new Error("the program was built without npm and so without NiiVue, which draws in space");
    }
    const niivue = new library.Niivue({
      backColor: [0, 0, 0, 1], show3Dcrosshair: false, isOrientCube: true, dragAndDropEnabled: false,
      logLevel: "silent", isColorbar: false,
    });
    await niivue.attachToCanvas(this.canvas, false);
    niivue.addColormap("groundglass", {
      R: [0, 70, 120, 255, 255], G: [0, 130, 170, 77, 60], B: [0, 200, 255, 61, 40],
      A: [0, 1, 4, 120, 255], I: [0, 40, lungValue, 150, 255],
    });
    niivue.setSliceType(niivue.sliceTypeRender);
    this.niivue = niivue;
    return niivue;
  }

  /**
   * Turns the picture.
   * @param {number} azimuth degrees more
   * @param {number} elevation degrees more
   */
  turn(azimuth, elevation) {
    this.azimuth = (this.azimuth + azimuth + 360) % 360;
    this.elevation = Math.max(-90, Math.min(90, this.elevation + elevation));
    this.niivue?.setRenderAzimuthElevation(this.azimuth, this.elevation);
  }
}
