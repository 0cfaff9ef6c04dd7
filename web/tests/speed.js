// What the server and the viewer cost with a study of 300 slices of 512 x 512, for docs/reference/viewer.md:
//
//     web/tests/run.sh speed PROGRAM [ROUNDS] [SLICES] [SIDE]
//
// prints two Markdown tables under the commit, the processors and the load. ROUNDS of `predict` with the same
// outputs and of the server's job take turns on the same series, each from its request to its end.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";

import { endServers, folder, painted, program, removeFolder, run, startBrowser, startServer, visitor, workspace } from "./desk.js";

const [rounds, slices, side] = [2, 300, 512].map((usual, at) => Number(process.argv[2 + at] ?? usual));
// What a job of the server keeps besides the mask.
const sameOutputs = ["--save-probabilities", "--overlay", "--save-lungs"];
const now = () => performance.now() / 1000;
const pause = (/** @type {number} */ ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const two = (/** @type {number} */ seconds) => seconds.toFixed(2);

/** A number of /proc/PID/FILE in MB; 0 where the process has ended. */
function megabytes(pid, file, name) {
  try {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"));
    return found ? (Number(found[1]) * 1024) / 1e6 : 0;
  } catch {
    return 0;
  }
}

/** Processor seconds of a process's children that have ended. @param {number | string | undefined} pid */
function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Processes below this one whose command line has a word: the pages of the browser. */
function processes(word) {
  const parents = new Map();
  const found = [];
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      parents.set(name, /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1]);
      if (readFileSync(`/proc/${name}/cmdline`, "latin1").includes(word)) found.push(name);
    } catch {
      // It has ended.
    }
  }
  const isOurs = (/** @type {string | undefined} */ at) => {
    for (let one = at; one && one !== "0"; one = parents.get(one)) if (one === String(process.pid)) return true;
    return false;
  };
  return found.filter(isOurs);
}

const server = await startServer();
const { origin, searchParams } = new URL(server.address);
const headers = { Authorization: `Bearer ${searchParams.get("token")}` };
const api = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ body) => {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
  const response = await fetch(`${origin}/api/v1${path}`, { method, headers, ...sent });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.json();
};

/** @type {[string, string][]} */
const rows = [];
const tell = (/** @type {string} */ what, /** @type {string} */ value) => {
  rows.push([what, value]);
  console.error(`${what}: ${value}`);
};

/** Events of the server as a page gets them; asking again and again would take a share of the processors. @param {AbortSignal} signal */
async function* events(/** @type {string} */ study, signal) {
  const response = await fetch(`${origin}/api/v1/events?study=${study}`, { headers, signal });
  if (!response.ok || !response.body) throw new Error(`no events: ${await response.text()}`);
  let text = "";
  for await (const bytes of response.body) {
    text += Buffer.from(bytes).toString();
    const whole = text.split("\n\n");
    text = whole.pop() ?? "";
    for (const event of whole) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      if (name) yield { name, data: JSON.parse(data) };
    }
  }
}

/** One job of the server on the study: seconds to the first slices of its mask, to its mask, to its measures. */
async function segmented(id) {
  const versions = `/studies/${id}/images/1/versions`;
  const known = (await api("GET", versions)).length;
  const worked = processorSeconds(server.child.pid);
  const listening = new AbortController();
  const heard = events(id, listening.signal);
  await heard.next();  // the greeting: from here on nothing is missed
  const begun = now();
  const job = await api("POST", `/studies/${id}/jobs`, { kind: "predict" });
  let [partial, mask] = [0, 0];
  for await (const { name, data } of heard) {
    if (name === "study" && !mask && (await api("GET", versions)).length > known) mask = now() - begun;
    if (name !== "job" || data.id !== job.id) continue;
    if (!partial && data.partial) partial = now() - begun;
    if (data.state === "failed") throw new Error(data.error.error);
    if (data.state === "done") break;
  }
  const all = now() - begun;
  listening.abort();
  return { partial, mask, all, worked: processorSeconds(server.child.pid) - worked };
}

try {
  await pause(2000);
  const resident = () => `${megabytes(server.child.pid, "smaps_rollup", "Rss").toFixed(0)} MB`;
  tell("memory of the idle server", resident());
  run("phantom", "ct", "--cases", "1", "--slices", String(slices), "--side", String(side), "--format", "dicom", "-q");
  const series = join(folder, "ct/case_000");
  const files = readdirSync(series);
  const { id } = await api("POST", "/studies", { name: "Large" });
  let begun = now();
  for (const name of files) {
    const response = await fetch(`${origin}/api/v1/studies/${id}/files?path=ct/${name}`, { method: "PUT", headers, body: readFileSync(join(series, name)) });
    if (!response.ok) throw new Error(await response.text());
  }
  tell(`upload of ${files.length} files`, `${two(now() - begun)} s`);
  begun = now();
  await api("POST", `/studies/${id}/import`);
  while ((await api("GET", `/studies/${id}`)).state !== "ready") await pause(50);
  tell("import", `${two(now() - begun)} s`);

  /** @type {number[]} */
  const lags = [];
  const round = async (/** @type {number} */ number) => {
    const timed = async () => {
      const start = now();
      const before = processorSeconds(process.pid);
      // Not spawnSync, in which this process would not see that the server closes its connections.
      const child = spawn(program, ["predict", series, "-o", "told", "-q", ...sameOutputs], { cwd: folder, stdio: "ignore" });
      const code = await new Promise((resolve) => { child.on("exit", resolve); });
      if (code !== 0) throw new Error(`predict: exit code ${code}`);
      rmSync(join(folder, "told"), { recursive: true });
      return { seconds: now() - start, worked: processorSeconds(process.pid) - before };
    };
    // The one that begins changes from round to round.
    let line = number % 2 === 0 ? await timed() : null;
    const job = await segmented(id);
    line ??= await timed();
    lags.push(job.mask - line.seconds);
    tell(`round ${number + 1}`, `predict ${two(line.seconds)} s (${two(line.worked)} s of a processor); first slices after ${two(job.partial)} s, mask after ${two(job.mask)} s, lesions after ${two(job.all)} s (${two(job.worked)} s of a processor)`);
  };
  await round(0);

  const browser = await startBrowser();
  const { page } = await visitor(browser, server.address);
  const times = { first: [], slice: [], image: [], mask: [], all: [] };
  for (let turn = 0; turn < 3; ++turn) {
    begun = now();
    await page.goto(origin);
    await page.waitForFunction(() => document.getElementById("limits")?.textContent);
    times.first.push(now() - begun);
    begun = now();
    await page.goto(`${origin}/study.html?study=${id}`);
    await page.waitForSelector("body[data-first-ms]", { timeout: 180000 });
    times.slice.push(now() - begun);
    await page.waitForSelector("body[data-opened-ms]", { timeout: 180000 });
    times.image.push(now() - begun);
    await page.waitForSelector("body[data-masked]", { timeout: 180000 });
    times.mask.push(now() - begun);
    await page.waitForSelector("body[data-ready]", { timeout: 180000 });
    times.all.push(now() - begun);
  }
  const shown = (/** @type {number[]} */ seconds) => `${seconds.map(two).join(", ")} s`;
  tell("first page", shown(times.first));
  tell("study opened: a slice on the screen", shown(times.slice));
  tell("the whole image", shown(times.image));
  tell("with mask", shown(times.mask));
  tell("with probabilities and lungs", shown(times.all));
  const axial = page.locator('canvas[data-plane="axial"]');
  const repaints = async () => {
    const found = [];
    await axial.focus();
    for (let step = 0; step < 15; ++step) {
      await page.keyboard.press("ArrowUp");
      await painted(page);
      found.push(Number(await axial.getAttribute("data-paint-ms")));
    }
    found.sort((a, b) => a - b);
    return `median ${found[7].toFixed(1)} ms, at most ${found[14].toFixed(1)} ms`;
  };
  tell("a slice repainted, with mask", await repaints());
  for (const key of ["h", "l", "o"]) await page.keyboard.press(key);
  tell("with probabilities, lungs and outline besides", await repaints());
  await page.keyboard.press("b");
  await page.keyboard.press(" ");
  await painted(page);
  const held = processes("--type=renderer").map((pid) => megabytes(pid, "smaps_rollup", "Pss"));
  tell("memory of the page, while correcting", `${Math.max(...held).toFixed(0)} MB`);
  await browser.close();
  for (let number = 1; number < rounds; ++number) await round(number);
  tell("the server's mask after the command line's", `${lags.map((lag) => `${lag > 0 ? "+" : ""}${two(lag)}`).join(", ")} s`);
  tell("memory of the server afterwards", resident());
  console.log(`${slices} slices of ${side} x ${side}, ${run("--version").trim()}, ${cpus().length} x ${cpus()[0].model}, load ${loadavg().map((load) => load.toFixed(1)).join(" ")}, ${program}\n`);
  console.log(["| | |", "|---|---|", ...rows.map(([what, value]) => `| ${what} | ${value} |`)].join("\n"));
} finally {
  await endServers();
  rmSync(workspace, { recursive: true, force: true });
  removeFolder();
}
process.exit(0);
