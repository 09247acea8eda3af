import { readEvents } from "./event-stream.js";

// The gateway says something every 2 s: after two missed heartbeats the connection is dead, whatever TCP believes.
const SILENCE_MS = 4500;
// A reconnect that succeeds within this is nobody's business.
const GRACE_MS = 1500;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
// A connection that lasted this long ends a series of failures; a shorter one keeps the next delay within 2 s, since a
// gateway that answers is not one to be spared.
const STEADY_MS = 2500;
const FLAPPING_FAILURES = 2;
const WATCH_MS = 250;
// Browsers allow six connections to a host over HTTP/1.1: tabs that nobody looks at leave theirs to the others.
const REST_AFTER_MS = 10_000;

/**
 * One view's stream, kept open: reconnects with full jitter and goes on from its cursor.
 *
 * `handlers`: `snapshot(frame)` and `delta(frame)`, which may be async and of which a failure means another attempt from
 * the cursor before; `status(status)`; and `link()` whenever `link` may have changed.
 */
export class LiveStream {
  link = "connecting";
  #connected = false;
  #everConnected = false;
  #lastSign = performance.now();
  #downSince = performance.now();
  #failures = 0;
  #wish = null;
  #attempt = null;
  #wake = () => {};
  #rests = false;
  #restTimer = 0;

  constructor(address, cursor, handlers) {
    Object.assign(this, { address, cursor, handlers });
    /** When the gateway was last heard, in milliseconds since 1970. */
    this.heardAt = Date.now();
  }

  start() {
    setInterval(() => this.#watch(), WATCH_MS);
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => this.#followVisibility());
    this.#followVisibility();
    addEventListener("pagehide", () => this.#attempt?.abort());
    this.#run();
  }

  async #run() {
    for (;;) {
      const began = performance.now();
      this.#attempt = new AbortController();
      this.#attempt.began = began;
      try {
        await this.#read(this.#attempt.signal);
      } catch (error) {
        console.debug("stream_failed", String(error));
      }
      if (this.#connected) this.#countLoss(performance.now() - began);
      this.#attempt = null;
      this.#watch();
      if (!this.#rests) await this.#delay();
      if (this.#rests) await this.#woken();
    }
  }

  #countLoss(lastedMs) {
    this.#connected = false;
    this.#downSince = performance.now();
    this.#failures = lastedMs > STEADY_MS ? 0 : Math.min(this.#failures, FLAPPING_FAILURES);
  }

  #followVisibility() {
    if (document.hidden) {
      this.#restTimer = setTimeout(() => this.#rest(), REST_AFTER_MS);
      return;
    }
    clearTimeout(this.#restTimer);
    if (this.#rests) {
      this.#rests = false;
      this.#lastSign = this.#downSince = performance.now(); // it was silent because we wished so
    }
    this.#watch();
    this.#retryNow();
  }

  #rest() {
    this.#rests = true;
    this.#attempt?.abort();
  }

  async #read(signal) {
    const address = new URL(this.address, location.href);
    if (this.cursor) address.searchParams.set("cursor", this.cursor);
    const headers = { Accept: "text/event-stream" };
    const response = await fetch(address, { headers, signal, cache: "no-store", credentials: "omit" });
    if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    for await (const event of readEvents(response.body, () => this.#heard())) await this.#take(event);
  }

  async #take({ type, id, data }) {
    if (type === "retry") {
      this.#wish = Number(data);
      return;
    }
    this.#connected = true;
    this.#everConnected = true;
    const body = JSON.parse(data);
    if (type === "status") this.handlers.status(body);
    else if (type === "snapshot") await this.handlers.snapshot(body);
    else if (type === "delta" && !this.#has(id)) await this.handlers.delta(body);
    if (id) this.cursor = id;
    this.#watch();
  }

  /** Whether a frame tells nothing that is not held already: it ends at our cursor or before. */
  #has(id) {
    const [epoch, sequence] = id.split("-");
    const [heldEpoch, heldSequence] = this.cursor.split("-");
    return epoch === heldEpoch && Number(sequence) <= Number(heldSequence);
  }

  #heard() {
    this.#lastSign = performance.now();
    this.heardAt = Date.now();
  }

  /** End a silent attempt, and tell what the link has become. */
  #watch() {
    if (this.#rests) return;
    const now = performance.now();
    if (this.#attempt && now - Math.max(this.#attempt.began, this.#lastSign) > SILENCE_MS) this.#attempt.abort();
    const link = this.#linkAt(now);
    if (link === this.link) return;
    this.link = link;
    this.handlers.link();
  }

  #linkAt(now) {
    if (now - this.#lastSign > SILENCE_MS) return "disconnected";
    if (this.#connected) return "connected";
    if (!this.#everConnected) return "connecting";
    return now - this.#downSince < GRACE_MS ? this.link : "reconnecting";
  }

  #retryNow() {
    if (this.#connected) return;
    this.#attempt?.abort();
    this.#failures = 0;
    this.#wake();
  }

  async #delay() {
    const bound = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
    const wait = this.#wish ?? Math.random() * bound;
    this.#wish = null;
    this.#failures += 1;
    const woken = this.#woken();
    setTimeout(this.#wake, wait);
    await woken;
  }

  #woken() {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}
