// What every page has: links, light and dark, the line that says what is going on, and the keys.

import { byId, fill, make } from "./dom.js";
import { getJson } from "./api.js";

const themes = ["system", "light", "dark"];

/**
 * Fills the page's header and footer.
 * @param {"start"|"study"|"compare"|"rounds"|"runs"} page
 */
export function frame(page) {
  const links = /** @type {[string, string, string][]} */ ([
    ["start", "/", "Studies"], ["compare", "/compare.html", "Compare"],
    ["rounds", "/round.html", "Annotation"], ["runs", "/runs.html", "Trainings"],
  ]);
  const theme = make("select", { "aria-label": "Colours of the page", onchange: () => setTheme(theme.value) },
    ...themes.map((name) => make("option", { value: name }, { system: "system colours", light: "light", dark: "dark" }[name])));
  theme.value = localStorage.getItem("groundglass theme") ?? "system";
  setTheme(theme.value);
  fill(byId("header", HTMLElement),
    make("a", { href: "/", className: "brand" }, "GroundGlass"),
    make("nav", { "aria-label": "Pages" }, ...links.map(([name, href, text]) =>
      make("a", { href, ...(name === page ? { "aria-current": "page" } : {}) }, text))),
    make("span", { className: "caution" }, "Research use only, not a medical device."),
    theme);
}

/** @param {string} name */
function setTheme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  localStorage.setItem("groundglass theme", name);
}

/**
 * Says in one line what is going on, or what went wrong.
 * @param {string} text
 * @param {"working"|"done"|"wrong"} [kind]
 */
export function say(text, kind = "done") {
  const line = byId("status", HTMLElement);
  line.textContent = text;
  line.dataset.kind = kind;
}

/**
 * Runs something that the user asked for and says what went wrong with it.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export async function attempt(work) {
  try {
    return await work();
  } catch (problem) {
    say(`error: ${problem instanceof Error ? problem.message : problem}`, "wrong");
    return undefined;
  }
}

/** Version of the program in the footer, and its words about what it is. */
export async function footer() {
  const version = await getJson("/version");
  fill(byId("footer", HTMLElement),
    `GroundGlass ${version.version} (${version.commit}), workspace '${version.workspace}'. ${version.note}`);
  return /** @type {import("./api.js").Version} */ (version);
}

/**
 * A key of a page: what `event.key` says, with "Ctrl+" before it where that is held.
 * @typedef {{keys: string[], text: string, run: () => unknown}} Shortcut
 */

/**
 * Listens to keys (not while something is typed), and shows them all at "?".
 * @param {() => Shortcut[]} list asked at every key, since what can be done changes
 */
export function shortcuts(list) {
  const dialog = make("dialog", { className: "keys", "aria-label": "Keys of this page" });
  document.body.append(dialog);
  const showAll = () => {
    fill(dialog,
      make("header", {}, make("h2", {}, "Keys"), make("button", { type: "button", onclick: () => dialog.close() }, "Close")),
      make("ul", {}, ...list().map(({ keys, text }) => make("li", {},
        make("span", {}, ...keys.map((key) => make("kbd", {}, keyName(key)))), text))));
    dialog.showModal();
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const typing = target instanceof HTMLInputElement ? !["checkbox", "radio", "button", "range"].includes(target.type)
      : target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
    if (dialog.open || event.altKey) return;
    const control = event.ctrlKey || event.metaKey;
    if (typing && !(control && event.key.toLowerCase() === "s")) return;
    // Sliders and choices move by these keys themselves.
    const moves = target instanceof HTMLInputElement && ["radio", "range"].includes(target.type);
    if (moves && /^(Arrow|Page|Home|End)/.test(event.key)) return;
    const onControl = target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement
      || target instanceof HTMLInputElement || (target instanceof HTMLElement && target.tagName === "SUMMARY");
    if (onControl && (event.key === " " || event.key === "Enter")) return;
    const name = (control ? "Ctrl+" : "") + (event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "") + event.key;
    if (name === "?") {
      showAll();
      event.preventDefault();
      return;
    }
    const found = list().find(({ keys }) => keys.includes(name));
    if (!found) return;
    event.preventDefault();
    found.run();
  });
  return showAll;
}

/** @param {string} key */
function keyName(key) {
  return key.replace("ArrowUp", "↑").replace("ArrowDown", "↓").replace("ArrowLeft", "←").replace("ArrowRight", "→")
    .replace(/^ $/, "Space").replace(/^Ctrl\+([A-Z])$/, (_, letter) => `Ctrl+Shift+${letter.toLowerCase()}`);
}
