// The views of one image side by side: planes that share a cross-hair, and the picture in space.

import { fill, fixed, make } from "./dom.js";
import { fromVoxel, toMm } from "./planes.js";
import { SliceView } from "./slice_view.js";
import { SpaceView } from "./volume_3d.js";

/** @typedef {import("./planes.js").Plane} Plane */
/** @typedef {import("./slice_painter.js").Scene} Scene */
/** @typedef {import("./nifti.js").Volume} Volume */
/** @typedef {[number, number, number]} Triple */

/**
 * @typedef {object} ViewerHandlers
 * @property {(voxel: Triple) => void} [onCross]
 * @property {(low: number, high: number) => void} [onWindow]
 * @property {(view: SliceView, at: Triple, last: [number, number] | null) => void} [onDraw]
 * @property {() => void} [onDrawn]
 * @property {(view: SliceView) => void} [onSight]
 */

/**
 * A scene with nothing over the image yet.
 * @param {Volume} volume
 * @param {boolean} isPicture
 * @param {{low: number, high: number}} window
 * @returns {Scene}
 */
export function sceneOf(volume, isPicture, window) {
  return {
    volume, isPicture, window, inverted: false,
    cross: /** @type {Triple} */ (volume.dims.map((size) => Math.floor(size / 2))), crossShown: true,
    mask: null, maskIsLabels: true, maskShown: true, maskStyle: "fill", maskOpacity: 0.45,
    heat: null, heatShown: false, heatOpacity: 0.7, cam: null, camShown: false, lungs: null, lungsShown: false,
  };
}

export class Viewer {
  /**
   * @param {HTMLElement} container emptied and filled
   * @param {Scene} scene
   * @param {Plane[]} planes
   * @param {ViewerHandlers} handlers
   * @param {{space?: "with"|"without"}} [options]
   */
  constructor(container, scene, planes, handlers, { space = "with" } = {}) {
    this.container = container;
    this.scene = scene;
    this.handlers = handlers;
    /** @type {SliceView[]} */
    this.views = [];
    /** @type {Map<SliceView, HTMLElement>} */
    this.captions = new Map();
    /** @type {Map<SliceView, HTMLInputElement>} */
    this.sliders = new Map();
    const figures = planes.map((plane) => this.#figure(plane));
    this.active = this.views[0];
    /** @type {SpaceView | null} */
    this.space = null;
    this.spaceFigure = null;
    if (space === "with" && !scene.isPicture) {
      const canvas = make("canvas", { className: "space", "aria-label": "Lungs and infection in space", role: "img", tabIndex: 0 });
      this.space = new SpaceView(canvas);
      this.spaceButton = make("button", { type: "button" }, "Show in 3-D");
      this.spaceFigure = make("figure", { className: "view" }, canvas, this.spaceButton,
        make("figcaption", {}, "3-D: lungs and infection; drag or ← → ↑ ↓ turn it"));
      canvas.addEventListener("keydown", (event) => {
        const turn = /** @type {Record<string, [number, number]>} */ (
          { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] })[event.key];
        if (!turn) return;
        event.preventDefault();
        event.stopPropagation();
        this.space?.turn(...turn);
      });
    }
    fill(container, ...figures, this.spaceFigure);
    container.dataset.views = String(figures.length + (this.spaceFigure ? 1 : 0));
    this.redraw();
  }

  /**
   * @param {Plane} plane
   * @returns {HTMLElement}
   */
  #figure(plane) {
    const name = this.scene.isPicture ? "Picture" : plane.name[0].toUpperCase() + plane.name.slice(1);
    const canvas = make("canvas", { tabIndex: 0, role: "img", "aria-label": name });
    canvas.dataset.plane = plane.name;
    const caption = make("figcaption", {});
    // For touch and screen readers: the same as the wheel and the arrow keys.
    const slider = this.scene.isPicture ? null : make("input", {
      type: "range", className: "slices", min: "1", max: String(plane.size[2]), "aria-label": `${name} slice`,
      oninput: () => slider && view.scroll(Number(slider.value) - 1 - view.depth),
    });
    const places = ["left", "right", "top", "bottom"];
    const figure = make("figure", { className: "view" }, canvas,
      ...plane.sides.map((side, index) => side && make("span", { className: `side ${places[index]}`, "aria-hidden": "true" }, side)),
      caption, slider);
    const view = new SliceView(canvas, plane, this.scene, {
      onCross: (_, voxel) => this.moveTo(voxel),
      onWindow: this.handlers.onWindow,
      onDraw: this.handlers.onDraw,
      onDrawn: this.handlers.onDrawn,
      onSight: this.handlers.onSight,
    });
    canvas.addEventListener("focus", () => {
      this.active = view;
    });
    canvas.addEventListener("dblclick", () => this.enlarge(view));
    this.views.push(view);
    this.captions.set(view, caption);
    if (slider) this.sliders.set(view, slider);
    return figure;
  }

  /** Ends the views' listening. */
  close() {
    for (const view of this.views) view.close();
  }

  /** @param {Triple} voxel */
  moveTo(voxel) {
    this.scene.cross = voxel;
    this.redraw();
    this.handlers.onCross?.(voxel);
  }

  redraw() {
    for (const view of this.views) {
      view.redraw();
      const { dims } = this.scene.volume;
      const [, , depth] = fromVoxel(view.plane, dims, this.scene.cross);
      const caption = this.captions.get(view);
      if (!caption) continue;
      const name = view.canvas.getAttribute("aria-label")?.split(",")[0] ?? "";
      const text = this.scene.isPicture ? `${dims[0]} x ${dims[1]}` : `slice ${depth + 1} of ${view.plane.size[2]}`;
      caption.textContent = this.scene.isPicture ? text : `${name}, ${text}`;
      view.canvas.setAttribute("aria-label", `${name}, ${text}`);
      const slider = this.sliders.get(view);
      if (slider) slider.value = String(depth + 1);
    }
  }

  /**
   * Shows one plane alone, or all again.
   * @param {SliceView} view
   */
  enlarge(view) {
    const figure = view.canvas.closest("figure");
    const alone = this.container.dataset.alone === view.plane.name;
    if (alone) delete this.container.dataset.alone;
    else this.container.dataset.alone = view.plane.name;
    for (const other of this.container.querySelectorAll("figure")) {
      other.classList.toggle("hidden", !alone && other !== figure);
    }
    view.canvas.focus();
  }

  /** @param {import("./planes.js").PlaneName} name */
  focus(name) {
    const view = this.views.find((other) => other.plane.name === name);
    view?.canvas.focus();
  }

  /** Where the cross-hair is: voxel, mm, and the value there, as a line. */
  crossText() {
    const { volume, cross, isPicture, heat, cam, camShown } = this.scene;
    const { dims, data, slope, intercept } = volume;
    const index = cross[0] + dims[0] * (cross[1] + dims[1] * cross[2]);
    const value = data[index] * slope + intercept;
    const probability = (heat ? `, p ${fixed(heat.data[index] * heat.slope + heat.intercept, 2)}` : "")
      + (cam && camShown ? `, Grad-CAM ${fixed(cam.data[index] * cam.slope, 2)}` : "");
    if (volume.arriving) return "the image is on its way";
    if (isPicture) return `column ${cross[0]}, row ${cross[1]}: gray ${fixed(value, 0)}${probability}`;
    const [x, y, z] = toMm(volume.affine, cross);
    const place = [`${fixed(Math.abs(x), 1)} ${x >= 0 ? "R" : "L"}`, `${fixed(Math.abs(y), 1)} ${y >= 0 ? "A" : "P"}`,
      `${fixed(Math.abs(z), 1)} ${z >= 0 ? "S" : "I"}`].join(", ");
    return `${place} mm: ${fixed(value, 0)} ${this.unit}${probability}`;
  }

  /** Unit of the values, "HU" for CT. */
  unit = "HU";
}
