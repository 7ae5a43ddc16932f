// Work in progress: live over server-sent events, with remaining time, pause and cancel.

import { at } from "../api/address.js";
import { get, post, raw } from "../api/requests.js";
import { button, h, put } from "../parts/dom.js";
import { duration } from "../parts/format.js";
import { empty, fail, problem, say } from "../parts/notices.js";
import { changed } from "../parts/remove.js";
import { T } from "../strings.js";

const OVER = new Set(["done", "failed", "cancelled", "interrupted"]);
const MOVING = new Set(["running", "waiting"]);
const KEPT = 8;

const subject = (job) => job.subject || T.jobs.kinds[job.kind] || job.kind;

/** What a finished job did, in words: 90 added, 3 known already, in 12 s. */
export function summary({ report }) {
  if (!report) return "";
  const parts = Object.entries(T.jobs.report)
    .map(([name, words]) => report[name] && words(report[name]))
    .filter(Boolean);
  return [...(parts.length ? parts : [T.jobs.nothing]), T.jobs.took(duration(report.seconds))].join(", ");
}

function row(job, act) {
  const over = OVER.has(job.state);
  const wished = T.jobs.wished[!over && job.wish];
  const sure = job.total > 0;
  const words = [
    sure && T.jobs.progress(job.done, job.total),
    job.remaining !== null && job.state === "running" && T.jobs.remaining(duration(job.remaining)),
    job.failed > 0 && T.jobs.failed(job.failed),
  ].filter(Boolean);
  const bar =
    !over &&
    h("progress", {
      "aria-label": T.jobs.bar(subject(job)),
      max: sure ? job.total : null,
      value: sure ? job.done : null,
    });
  return [
    h(
      "div",
      { class: "row" },
      h("b", { class: "grow path" }, subject(job)),
      h("span", { class: `state ${job.state}` }, wished ?? T.jobs.states[job.state] ?? job.state),
    ),
    bar,
    h("p", { class: "quiet numbers-line" }, over ? (job.error?.message ?? (summary(job) || T.jobs.stopped(job.done, job.total))) : words.join(" · ")),
    job.report?.added > 0 &&
      h("p", {}, h("a", { class: "link", href: at("browse", { order: "newest" }) }, T.jobs.see)),
    job.failed > 0 &&
      h("p", {}, h("a", { class: "link", href: at("browse", { show: "failures" }) }, T.jobs.seeFailed)),
    !over && job.note && h("p", { class: "quiet note path" }, job.note),
    h(
      "div",
      { class: "buttons" },
      !wished &&
        (job.state === "running" || job.state === "waiting") &&
        button(T.jobs.pause, { name: "pause", onclick: () => act(job, "pause") }),
      (job.state === "paused" || job.state === "interrupted") &&
        button(T.jobs.resume, { name: "play", onclick: () => act(job, "resume") }),
      !over &&
        job.wish !== "cancel" &&
        button(T.jobs.cancel, { name: "no", onclick: () => act(job, "cancel") }),
    ),
  ];
}

/** The list of a collection's jobs. `held` answers the collection of the moment. */
export function jobs(held) {
  const list = h("ul", { class: "plain-list jobs" });
  const body = h("div", {}, list);
  const element = h("section", { class: "card" }, h("h2", {}, T.add.jobs), body);
  const rows = new Map();
  const streams = new Map();

  const wishes = new Map(); // what was asked of a job and it has not come to yet

  function act(job, verb) {
    if (verb !== "resume") wishes.set(job.id, verb);
    drawRow(job);
    post(`/jobs/${job.id}/${verb}`).then(show, (error) => {
      wishes.delete(job.id);
      drawRow(job);
      fail(error);
    });
  }

  function drawRow(job) {
    const place = rows.get(job.id);
    if (!MOVING.has(job.state)) wishes.delete(job.id);
    const focus = place.contains(document.activeElement) ? document.activeElement.textContent : null;
    put(place, row({ ...job, wish: wishes.get(job.id) }, act));
    place.className = `job ${job.state}`;
    if (focus) [...place.querySelectorAll("button")].find((one) => one.textContent === focus)?.focus();
  }

  function follow(job) {
    if (OVER.has(job.state) || streams.has(job.id)) return;
    const stream = new EventSource(raw(`/jobs/${job.id}/events`));
    streams.set(job.id, stream);
    stream.addEventListener("progress", (event) => drawRow(JSON.parse(event.data)));
    stream.addEventListener("end", (event) => {
      stream.close();
      streams.delete(job.id);
      const last = JSON.parse(event.data);
      drawRow(last);
      say(T.jobs.ended(subject(last), T.jobs.states[last.state]));
      changed();
    });
  }

  function show(job) {
    list.querySelector(".empty")?.remove();
    if (!rows.has(job.id)) {
      rows.set(job.id, h("li", { class: "job" }));
      list.prepend(rows.get(job.id));
    }
    drawRow(job);
    follow(job);
  }

  async function load() {
    close();
    rows.clear();
    put(list);
    try {
      const { jobs: all } = await get("/jobs", { collection: held().name });
      all.slice(0, KEPT).reverse().forEach(show);
      if (all.length === 0) put(list, h("li", {}, empty(T.add.noJobs, T.add.noJobsHint)));
    } catch (error) {
      put(list, h("li", {}, problem(error, load)));
    }
  }

  function close() {
    streams.forEach((stream) => stream.close());
    streams.clear();
  }

  load();
  return { element, show, load, close };
}
