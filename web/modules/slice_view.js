// A plane on the screen: a canvas that shows slices and follows mouse, pen, wheel and touch.

import { colourOf, SlicePainter } from "./slice_painter.js";
import { fromVoxel, toVoxel } from "./planes.js";

/** @typedef {import("./planes.js").Plane} Plane */
/** @typedef {import("./slice_painter.js").Scene} Scene */
/** @typedef {[number, number, number]} Triple */

/**
 * What happens on a view. All places are x, y (may lie between pixels and outside) and depth.
 * @typedef {object} Handlers
 * @property {(view: SliceView, voxel: Triple) => void} onCross somebody points at a voxel
 * @property {(low: number, high: number) => void} [onWindow] the window is dragged
 * @property {(view: SliceView, at: Triple, last: [number, number] | null) => void} [onDraw] a stroke
 *   begins (no last place) or goes on
 * @property {() => void} [onDrawn] it ends
 * @property {(view: SliceView) => void} [onSight] it is zoomed or shifted
 */

/**
 * What part of a slice is seen, whatever its size and that of the canvas.
 * @typedef {object} Sight
 * @property {number} zoom 1 for all of it
 * @property {number} x shift to the right as a share of the picture's width
 * @property {number} y shift down as a share of its height
 */

export class SliceView {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Plane} plane
   * @param {Scene} scene
   * @param {Handlers} handlers
   */
  constructor(canvas, plane, scene, handlers) {
    this.canvas = canvas;
    this.plane = plane;
    this.scene = scene;
    this.handlers = handlers;
    this.painter = new SlicePainter(scene);
    this.zoom = 1;
    /** Shift of the picture in CSS pixels. */
    this.pan = { x: 0, y: 0 };
    /** Radius of the brush in mm, where one is drawn with. @type {number | null} */
    this.brushMm = null;
    /** @type {[number, number] | null} */
    this.hover = null;
    this.asked = false;
    const [width, height] = plane.size;
    this.imageData = new ImageData(width, height);
    this.overlayData = new ImageData(width, height);
    this.imageCanvas = new OffscreenCanvas(width, height);
    this.overlayCanvas = new OffscreenCanvas(width, height);
    this.stop = new AbortController();
    this.#listen();
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(canvas);
  }

  /** Ends all listening; the view is thrown away. */
  close() {
    this.stop.abort();
    this.resized.disconnect();
  }

  get depth() {
    return fromVoxel(this.plane, this.scene.volume.dims, this.scene.cross)[2];
  }

  /** Paints at the next frame, however often it is asked for. */
  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.paint();
    });
  }

  /**
   * Moves the cross-hair by slices, kept inside the volume.
   * @param {number} slices
   */
  scroll(slices) {
    this.move(0, 0, slices);
  }

  /**
   * Moves the cross-hair by pixels of the plane and slices.
   * @param {number} dx
   * @param {number} dy
   * @param {number} slices
   */
  move(dx, dy, slices) {
    const { dims } = this.scene.volume;
    const at = fromVoxel(this.plane, dims, this.scene.cross);
    const inside = [dx, dy, slices].map((step, axis) =>
      Math.max(0, Math.min(this.plane.size[axis] - 1, at[axis] + step)));
    this.handlers.onCross(this, toVoxel(this.plane, dims, /** @type {Triple} */ (inside)));
    if (dx !== 0 || dy !== 0) this.#showCross();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.zoom = Math.max(1, Math.min(16, this.zoom * factor));
    if (this.zoom === 1) this.pan = { x: 0, y: 0 };
    this.#sighted();
  }

  /**
   * Shifts the picture by CSS pixels.
   * @param {number} dx
   * @param {number} dy
   */
  shiftBy(dx, dy) {
    this.pan = { x: this.pan.x + dx, y: this.pan.y + dy };
    this.#sighted();
  }

  #sighted() {
    this.redraw();
    this.handlers.onSight?.(this);
  }

  /** Width and height of the whole picture in CSS pixels. */
  #extent() {
    const { scaleX, scaleY } = this.layout();
    return [this.plane.size[0] * scaleX, this.plane.size[1] * scaleY];
  }

  /** @returns {Sight} */
  get sight() {
    const [width, height] = this.#extent();
    return { zoom: this.zoom, x: width > 0 ? this.pan.x / width : 0, y: height > 0 ? this.pan.y / height : 0 };
  }

  /** Shows the same part as another view; nobody is told. @param {Sight} sight */
  set sight({ zoom, x, y }) {
    this.zoom = Math.max(1, Math.min(16, zoom));
    const [width, height] = this.#extent();
    this.pan = { x: x * width, y: y * height };
    this.redraw();
  }

  /** Shifts an enlarged picture so far that the cross-hair, moved by keys, is seen. */
  #showCross() {
    if (this.zoom === 1) return;
    const { scaleX, scaleY, left, top } = this.layout();
    const [x, y] = fromVoxel(this.plane, this.scene.volume.dims, this.scene.cross);
    const beyond = (/** @type {number} */ at, /** @type {number} */ size) => {
      const edge = Math.min(40, size / 4);
      return at < edge ? edge - at : at > size - edge ? size - edge - at : 0;
    };
    const dx = beyond(left + (x + 0.5) * scaleX, this.canvas.clientWidth);
    const dy = beyond(top + (y + 0.5) * scaleY, this.canvas.clientHeight);
    if (dx !== 0 || dy !== 0) this.shiftBy(dx, dy);
  }

  /** Scale (CSS pixels for a pixel of the slice) and corner of the picture. */
  layout() {
    const { clientWidth, clientHeight } = this.canvas;
    const [width, height] = this.plane.size;
    const [mmX, mmY] = this.plane.pixelMm;
    const mm = Math.min(clientWidth / (width * mmX), clientHeight / (height * mmY)) * this.zoom;
    const scaleX = mm * mmX;
    const scaleY = mm * mmY;
    return {
      scaleX, scaleY, mm,
      left: (clientWidth - width * scaleX) / 2 + this.pan.x,
      top: (clientHeight - height * scaleY) / 2 + this.pan.y,
    };
  }

  /** Paints now, and notes how long it took in the canvas's data-paint-ms. */
  paint() {
    const begun = performance.now();
    const { canvas, plane, scene } = this;
    if (canvas.clientWidth === 0 || canvas.clientHeight === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [pixelsX, pixelsY] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== pixelsX || canvas.height !== pixelsY) {
      canvas.width = pixelsX;
      canvas.height = pixelsY;
    }
    const context = canvas.getContext("2d", { alpha: false });
    const imageContext = this.imageCanvas.getContext("2d");
    const overlayContext = this.overlayCanvas.getContext("2d");
    if (!context || !imageContext || !overlayContext) return;
    const { depth } = this;
    const { scaleX, scaleY, left, top } = this.layout();
    const [width, height] = plane.size;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    this.painter.image(plane, depth, this.imageData);
    imageContext.putImageData(this.imageData, 0, 0);
    context.imageSmoothingEnabled = this.zoom < 4;
    context.drawImage(this.imageCanvas, left, top, width * scaleX, height * scaleY);
    if (this.painter.overlay(plane, depth, this.overlayData)) {
      overlayContext.putImageData(this.overlayData, 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(this.overlayCanvas, left, top, width * scaleX, height * scaleY);
    }
    if (scene.maskShown && scene.maskStyle === "outline") this.#paintOutline(context);
    if (scene.crossShown) this.#paintCross(context);
    if (this.brushMm !== null && this.hover) this.#paintBrush(context, this.hover, this.brushMm);
    canvas.dataset.paintMs = (performance.now() - begun).toFixed(1);
    canvas.dataset.depth = String(depth);
    const { zoom, x, y } = this.sight;
    canvas.dataset.sight = [zoom, x, y].map((part) => part.toFixed(3)).join(" ");
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintOutline(context) {
    const { scaleX, scaleY, left, top } = this.layout();
    context.lineWidth = 1.6;
    context.lineCap = "square";
    context.globalAlpha = Math.min(1, 0.4 + this.scene.maskOpacity);
    for (const [label, path] of this.painter.outline(this.plane, this.depth)) {
      const placed = new Path2D();
      placed.addPath(path, new DOMMatrix([scaleX, 0, 0, scaleY, left, top]));
      context.strokeStyle = `rgb(${colourOf(label).join(",")})`;
      context.stroke(placed);
    }
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context */
  #paintCross(context) {
    const { scaleX, scaleY, left, top } = this.layout();
    const [x, y] = fromVoxel(this.plane, this.scene.volume.dims, this.scene.cross);
    const px = left + (x + 0.5) * scaleX;
    const py = top + (y + 0.5) * scaleY;
    const gap = 9;
    context.strokeStyle = "rgba(124, 227, 255, 0.85)";
    context.lineWidth = 1;
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of [
      [0, py, px - gap, py], [px + gap, py, this.canvas.clientWidth, py],
      [px, 0, px, py - gap], [px, py + gap, px, this.canvas.clientHeight],
    ]) {
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
    }
    context.stroke();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {[number, number]} at
   * @param {number} radiusMm
   */
  #paintBrush(context, [x, y], radiusMm) {
    const { scaleX, scaleY, left, top, mm } = this.layout();
    context.strokeStyle = "#fff";
    context.lineWidth = 1.2;
    context.beginPath();
    context.arc(left + (x + 0.5) * scaleX, top + (y + 0.5) * scaleY, Math.max(2, radiusMm * mm), 0, 2 * Math.PI);
    context.stroke();
  }

  /**
   * Where in the slice an event is; (0, 0) is the middle of the first pixel.
   * @param {MouseEvent} event
   * @returns {[number, number]}
   */
  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const { scaleX, scaleY, left, top } = this.layout();
    return [(event.clientX - box.left - left) / scaleX - 0.5, (event.clientY - box.top - top) / scaleY - 0.5];
  }

  #listen() {
    const { canvas, handlers } = this;
    const { signal } = this.stop;
    /** @type {"cross"|"draw"|"pan"|"window"|"pinch"|null} */
    let doing = null;
    /** Fingers and pens on the canvas. @type {Map<number, [number, number]>} */
    const touching = new Map();
    const pinch = () => {
      const [[ax, ay], [bx, by]] = [...touching.values()];
      return { apart: Math.max(1, Math.hypot(ax - bx, ay - by)), x: (ax + bx) / 2, y: (ay + by) / 2 };
    };
    let pinched = { apart: 1, x: 0, y: 0 };
    /** @type {[number, number] | null} */
    let last = null;
    const pointAt = (/** @type {PointerEvent} */ event) => {
      const [x, y] = this.#place(event);
      const clamp = (/** @type {number} */ value, /** @type {number} */ size) =>
        Math.max(0, Math.min(size - 1, Math.round(value)));
      handlers.onCross(this, toVoxel(this.plane, this.scene.volume.dims,
        [clamp(x, this.plane.size[0]), clamp(y, this.plane.size[1]), this.depth]));
    };
    const draw = (/** @type {PointerEvent} */ event) => {
      const place = this.#place(event);
      handlers.onDraw?.(this, [...place, this.depth], last);
      last = place;
    };
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      last = null;
      touching.set(event.pointerId, [event.clientX, event.clientY]);
      if (touching.size === 2) {
        // What the first finger began is ended; a stroke can be taken back by undo.
        if (doing === "draw") handlers.onDrawn?.();
        doing = "pinch";
        pinched = pinch();
        return;
      }
      if (event.button === 2) doing = "window";
      else if (event.button === 1 || event.shiftKey) doing = "pan";
      else doing = this.brushMm !== null ? "draw" : "cross";
      if (doing === "draw") draw(event);
      if (doing === "cross") pointAt(event);
      event.preventDefault();
    }, { signal });
    canvas.addEventListener("pointermove", (event) => {
      if (touching.has(event.pointerId)) touching.set(event.pointerId, [event.clientX, event.clientY]);
      if (doing === "pinch") {
        if (touching.size !== 2) return;
        const now = pinch();
        this.pan = { x: this.pan.x + now.x - pinched.x, y: this.pan.y + now.y - pinched.y };
        this.zoomBy(now.apart / pinched.apart);
        pinched = now;
        return;
      }
      if (this.brushMm !== null) {
        this.hover = this.#place(event);
        this.redraw();
      }
      if (doing === "draw") draw(event);
      else if (doing === "cross") pointAt(event);
      else if (doing === "pan") {
        this.shiftBy(event.movementX, event.movementY);
      } else if (doing === "window") {
        const { low, high } = this.scene.window;
        const unit = Math.max(1, high - low) / 300;
        const centre = (low + high) / 2 + event.movementY * unit;
        const half = Math.max(unit, (high - low) / 2 + event.movementX * unit);
        handlers.onWindow?.(centre - half, centre + half);
      }
    }, { signal });
    const ended = (/** @type {PointerEvent} */ event) => {
      touching.delete(event.pointerId);
      if (doing === "pinch" && touching.size > 0) return;
      if (doing === "draw") handlers.onDrawn?.();
      doing = null;
      last = null;
    };
    canvas.addEventListener("pointerup", ended, { signal });
    canvas.addEventListener("pointercancel", ended, { signal });
    canvas.addEventListener("pointerleave", () => {
      this.hover = null;
      if (this.brushMm !== null) this.redraw();
    }, { signal });
    let turned = 0;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) {
        this.zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15);
        return;
      }
      // Touch pads send many small steps: a slice for every 40 pixels, and one for each notch.
      turned += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
      const steps = Math.abs(event.deltaY) >= 50 ? Math.sign(event.deltaY) : Math.trunc(turned);
      if (steps !== 0) {
        turned = 0;
        this.scroll(-steps);
      }
    }, { signal, passive: false });
  }
}
