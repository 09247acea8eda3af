import { setText, shownNumber } from "./format.js";
import { fetchPage } from "./paging.js";

const BAR_MS = 10_000;
const BARS = 60;
const RATE_MS = 60_000;
// The chart's geometry: as in activity.py.
const BAR_PITCH = 5;
const BAR_WIDTH = 4;
const HEIGHT = 100;
const LEAST_HEIGHT = 4;
const LEAST_HEIGHT_OF_SOME = 10;
const LEAST_TOP = 5;
// The gateway says something every 2 s. Where it did not for longer than this, what came meanwhile is not for one step.
const LOST_MS = 6000;
// States of the streams in which silence does not mean that nothing comes.
const LATE = new Set(["stale", "rebuilding"]);

/**
 * Messages per minute and the chart of the last ten: what activity.py works out, kept current from frames. The time is
 * the server's. After a silence, or when what is late has come, the server is asked; until it answers, that is a gap.
 */
export class Activity {
  // The server's time is so much more than performance.now().
  #clock = 0;
  #latest = null;
  #isAsking = false;
  #isLate = false;

  constructor(element) {
    this.rate = element.querySelector("[data-rate]");
    this.chart = element.querySelector(".sparkline");
    this.summary = element.querySelector(".summary");
    this.#take(JSON.parse(element.dataset.activity));
    this.#clock = this.now - performance.now();
  }

  apply(frame) {
    const at = Date.parse(frame.as_of);
    if (frame.totals) this.#latest = { at, messages: frame.totals.messages };
    this.#clock = at - performance.now();
    this.#reach(at);
    this.#count();
  }

  /** A snapshot tells the total, and not when it came. */
  replace(frame) {
    if (frame.totals) this.messages = frame.totals.messages;
    this.#latest = null;
    this.#ask();
  }

  /** The gateway gave a sign of life: time goes on, and where the data is not late, nothing came. */
  hear(state) {
    const at = this.#clock + performance.now();
    const wasLate = this.#isLate;
    this.#isLate = LATE.has(state);
    if (this.#isLate) this.#pass(at);
    else if (wasLate) this.#ask();
    else this.#reach(at);
  }

  render(paused) {
    if (paused) return;
    setText(this.rate, shownNumber(this.perMinute));
    if (!this.chart) return;
    const { bars } = this;
    const drawn = this.chart.firstElementChild;
    const shape = path(bars);
    if (drawn.getAttribute("d") !== shape) drawn.setAttribute("d", shape);
    setText(this.summary, inWords(bars));
  }

  get perMinute() {
    const newest = this.#step(this.now);
    const last = RATE_MS / this.stepMs;
    let sum = 0;
    for (let step = newest - last + 1; step <= newest; step += 1) sum += this.counts.get(step) ?? 0;
    const left = this.stepMs - (this.now % this.stepMs);
    return sum + Math.floor(((this.counts.get(newest - last) ?? 0) * left) / this.stepMs + 0.5);
  }

  /** Messages by bar, oldest first; null for what is not known. */
  get bars() {
    const newest = Math.floor(this.now / BAR_MS);
    return Array.from({ length: BARS }, (_, i) => this.#bar(newest - BARS + 1 + i));
  }

  #bar(bar) {
    const steps = BAR_MS / this.stepMs;
    let sum = null;
    for (let step = bar * steps; step < (bar + 1) * steps; step += 1) {
      if (this.counts.has(step)) sum += this.counts.get(step);
    }
    return sum;
  }

  #take({ as_of: asOf, messages, step_ms: stepMs, from, counts }) {
    Object.assign(this, { messages, stepMs, now: Date.parse(asOf), takenAt: Date.parse(asOf) });
    const first = this.#step(Date.parse(from));
    this.counts = new Map(counts.map((count, i) => [first + i, count]).filter(([, count]) => count !== null));
  }

  #reach(at) {
    if (at - this.now > LOST_MS) this.#ask();
    else for (let step = this.#step(this.now); step <= this.#step(at); step += 1) this.#add(step, 0);
    this.#pass(at);
  }

  #pass(at) {
    this.now = Math.max(this.now, at);
    for (const step of this.counts.keys()) if (step < this.#step(this.now - BARS * BAR_MS)) this.counts.delete(step);
  }

  #count() {
    if (!this.#latest || this.#latest.at <= this.takenAt) return;
    const { at, messages } = this.#latest;
    if (!this.#isAsking) this.#add(this.#step(at), Math.max(0, messages - this.messages));
    this.messages = messages;
  }

  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.#take(await fetchPage("/api/v1/activity"));
    } catch (error) {
      console.debug("activity_not_loaded", String(error));
    } finally {
      this.#isAsking = false;
      this.#count();
    }
  }

  #add(step, messages) {
    this.counts.set(step, (this.counts.get(step) ?? 0) + messages);
  }

  #step(at) {
    return Math.floor(at / this.stepMs);
  }
}

function path(bars) {
  const top = Math.max(LEAST_TOP, ...bars);
  const height = (count) =>
    Math.max(count ? LEAST_HEIGHT_OF_SOME : LEAST_HEIGHT, Math.floor((count * HEIGHT) / top + 0.5));
  const draw = (count, i) =>
    count === null ? "" : `M${i * BAR_PITCH} ${HEIGHT}V${HEIGHT - height(count)}h${BAR_WIDTH}V${HEIGHT}z`;
  return bars.map(draw).join("");
}

function inWords(bars) {
  const known = bars.filter((count) => count !== null);
  const sum = known.reduce((all, count) => all + count, 0);
  const counted = known.length < BARS ? ` (counted for ${duration((known.length * BAR_MS) / 1000)})` : "";
  return `Last 10 min${counted}: ${shownNumber(sum)}, at most ${shownNumber(Math.max(0, ...known))} in 10 s`;
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return [minutes && `${minutes} min`, seconds % 60 && `${seconds % 60} s`].filter(Boolean).join(" ") || "0 s";
}
