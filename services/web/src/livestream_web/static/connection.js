import { readEvents } from "./event-stream.js";

// The gateway says something every 2 s: after two missed heartbeats the connection is dead, whatever TCP believes.
const SILENCE_MS = 4300;
// A reconnect that succeeds within this is nobody's business.
const GRACE_MS = 1500;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
// A connection that lasted this long ends a series of failures; a shorter one keeps the next delay within 2 s, since a
// gateway that answers is not one to be spared.
const STEADY_MS = 2500;
const FLAPPING_FAILURES = 2;
// An answer that has begun and tells of no position has nothing to tell yet.
const ANSWER_MS = 1000;
const WATCH_MS = 250;

/**
 * A connection to the gateway, kept open: reconnects with full jitter, and ends what has fallen silent. It knows no
 * document, and so runs in a worker as well as in a page.
 *
 * `ask()` tells what to ask for, anew for every attempt: {address, …}. `handlers`: `event({type, id, data}, asked)` with
 * that answer beside it, and `link()` whenever `link` may have changed.
 *
 * An attempt replaces the one before when it has answered, and not earlier: a change of what is asked for is no gap.
 */
export class Connection {
  link = "connecting";
  #turn = 0;
  #speaking = null;
  #pending = null;
  #everConnected = false;
  #lastSign = performance.now();
  #downSince = performance.now();
  #failures = 0;
  #wish = null;
  #wake = () => {};
  #watching = 0;

  constructor(ask, handlers) {
    Object.assign(this, { ask, handlers });
    /** When the gateway was last heard, in milliseconds since 1970. */
    this.heardAt = Date.now();
  }

  get isOpen() {
    return this.#watching !== 0;
  }

  /** Ask for what there is to ask for now. */
  open() {
    if (!this.isOpen) {
      this.#lastSign = this.#downSince = performance.now(); // it was silent because we wished so
      this.#watching = setInterval(() => this.#watch(), WATCH_MS);
    }
    this.#turn += 1;
    this.#pending?.controller.abort();
    this.#wake();
    this.#seek(this.#turn);
  }

  close() {
    this.#turn += 1;
    for (const attempt of [this.#pending, this.#speaking]) attempt?.controller.abort();
    this.#pending = this.#speaking = null;
    this.#failures = 0;
    clearInterval(this.#watching);
    this.#watching = 0;
  }

  /** Somebody looks, or the network is back: this is no time to wait for a delay to pass. */
  retryNow() {
    const isYoung = performance.now() - this.#pending?.began < FIRST_DELAY_MS;
    if (!this.isOpen || this.#speaking || isYoung) return;
    this.#failures = 0;
    this.open();
  }

  async #seek(turn) {
    while (turn === this.#turn) {
      const began = performance.now();
      const attempt = { controller: new AbortController(), began, lastSign: began, asked: this.ask() };
      this.#pending = attempt;
      try {
        await this.#read(attempt);
      } catch (error) {
        console.debug("stream_failed", String(error));
      }
      if (this.#pending === attempt) this.#pending = null;
      if (this.#speaking === attempt) this.#countLoss(attempt);
      if (turn !== this.#turn) return;
      this.#watch();
      await this.#delay();
    }
  }

  async #read(attempt) {
    const { signal } = attempt.controller;
    const headers = { Accept: "text/event-stream" };
    const response = await fetch(attempt.asked.address, { headers, signal, cache: "no-store", credentials: "omit" });
    if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    for await (const event of readEvents(response.body, () => this.#heard(attempt))) {
      if (signal.aborted) return;
      if (event.type === "retry") this.#wish = Number(event.data);
      else this.#take(event, attempt);
    }
  }

  #take(event, attempt) {
    attempt.spokeAt ??= performance.now();
    // A gateway that has to read what it is asked for says that it is there, and answers later.
    if (attempt === this.#pending && (event.id || !this.#speaking)) this.#replaceSpeaking();
    this.handlers.event(event, attempt.asked);
    this.#watch();
  }

  #replaceSpeaking() {
    this.#speaking?.controller.abort();
    this.#speaking = this.#pending;
    this.#pending = null;
    this.#everConnected = true;
  }

  #heard(attempt) {
    this.#lastSign = attempt.lastSign = performance.now();
    this.heardAt = Date.now();
  }

  #countLoss(attempt) {
    this.#speaking = null;
    this.#downSince = performance.now();
    this.#failures = this.#downSince - attempt.began > STEADY_MS ? 0 : Math.min(this.#failures, FLAPPING_FAILURES);
  }

  /** End what is silent, and tell what the link has become. */
  #watch() {
    if (!this.isOpen) return;
    const now = performance.now();
    for (const attempt of [this.#pending, this.#speaking]) {
      if (attempt && now - attempt.lastSign > SILENCE_MS) attempt.controller.abort();
    }
    if (now - this.#pending?.spokeAt > ANSWER_MS) this.#replaceSpeaking();
    const link = this.#linkAt(now);
    if (link === this.link) return;
    this.link = link;
    this.handlers.link();
  }

  #linkAt(now) {
    if (now - this.#lastSign > SILENCE_MS) return "disconnected";
    if (this.#speaking) return "connected";
    if (!this.#everConnected) return "connecting";
    return now - this.#downSince < GRACE_MS ? this.link : "reconnecting";
  }

  async #delay() {
    const bound = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
    const wait = this.#wish ?? Math.random() * bound;
    this.#wish = null;
    this.#failures += 1;
    const woken = new Promise((resolve) => (this.#wake = resolve));
    setTimeout(this.#wake, wait);
    await woken;
  }
}
