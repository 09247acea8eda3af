import { sharedWorkerPort } from "./shared-worker-port.js";
import { StreamHub } from "./stream-hub.js";

// Hubs keep pages that say something within half a minute.
const HERE_EVERY_MS = 5000;
// A hub says something every 2 s. One that is silent is asked, and given up where it does not answer.
const HUB_SILENT_MS = 6000;
const HUB_ANSWERS_MS = 3000;
const LONGEST_DELAY_MS = 5000;
// What nobody looks at need not be kept current.
const REST_AFTER_MS = 10_000;

/**
 * A page's part of the connection that its browser keeps: one for all pages where there are shared workers, else its own.
 *
 * `watching`: {streams, view, cursor, rows}, the address of the streams and the rest as StreamHub has it. `handlers`:
 * `frames({snapshot, delta})`, which may be async, and of which a failure means that the same comes once more;
 * `status(status)`; and `link()` whenever `link` may have changed.
 */
export class StreamClient {
  link = "connecting";
  #port = null;
  #isShared = true;
  #rests = false;
  #restTimer = 0;
  #lastWord = 0;
  #askedAt = 0;
  #taking = Promise.resolve();
  #kept = null;
  // Counts how often it has said what it watches: what was meant for an earlier time is not taken.
  #turn = 0;
  #isLost = false;

  constructor(watching, handlers) {
    Object.assign(this, watching, { handlers });
    /** When the gateway was heard last of all that is shown, in milliseconds since 1970; 0 before that. */
    this.heardAt = 0;
  }

  start() {
    setInterval(() => this.#check(), HERE_EVERY_MS / 5);
    setInterval(() => this.#say({ say: "here" }), HERE_EVERY_MS);
    addEventListener("online", () => this.#say({ say: "retry" }));
    document.addEventListener("visibilitychange", () => this.#followVisibility());
    addEventListener("pagehide", () => this.#rest());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#followVisibility());
    this.#use(sharedWorkerPort(this.streams, () => this.#goAlone()) ?? this.#ownHub());
    this.#followVisibility();
  }

  /** Everything is shown, and more may come. `kept`: as Batch has it. */
  ready(kept) {
    this.#kept = kept;
    if (!this.#isLost) this.#say({ say: "ready", kept });
  }

  #use(port) {
    this.#port?.close();
    this.#port = port;
    port.onmessage = ({ data }) => port === this.#port && this.#hear(data);
    this.#watch();
  }

  #ownHub() {
    this.#isShared = false;
    const { port1, port2 } = new MessageChannel();
    new StreamHub(this.streams).add(port1);
    return port2;
  }

  #goAlone() {
    if (!this.#isShared) return;
    console.warn("stream_hub_lost");
    this.#say({ say: "rest" });
    this.#use(this.#ownHub());
  }

  #say(message) {
    if (!this.#rests) this.#port?.postMessage(message);
  }

  #watch() {
    const { view, cursor, rows } = this;
    this.#turn += 1;
    this.#isLost = false;
    this.#lastWord = performance.now();
    this.#say({ say: "watch", view, cursor, rows, turn: this.#turn });
    this.#say({ say: "ready", kept: this.#kept });
  }

  #followVisibility() {
    clearTimeout(this.#restTimer);
    if (document.hidden) {
      this.#restTimer = setTimeout(() => this.#rest(), REST_AFTER_MS);
      return;
    }
    if (this.#rests) {
      this.#rests = false;
      this.#watch();
    }
    this.#say({ say: "retry" });
  }

  #rest() {
    this.#say({ say: "rest" });
    this.#rests = true;
  }

  #check() {
    if (this.#rests || !this.#isShared) return;
    const now = performance.now();
    if (now - this.#lastWord < HUB_SILENT_MS) return;
    if (!this.#askedAt) {
      this.#askedAt = now;
      this.#say({ say: "here" });
    } else if (now - this.#askedAt > HUB_ANSWERS_MS) {
      this.#goAlone();
    }
  }

  #hear({ told, ...news }) {
    this.#lastWord = performance.now();
    this.#askedAt = 0;
    if (told === "frames" || told === "status") this.#taking = this.#taking.then(() => this.#take(told, news));
    else if (told === "unknown") this.#taking = this.#taking.then(() => this.#watch());
    else if (told === "full") this.#goAlone();
    else if (told === "link") this.#takeLink(news.link);
  }

  async #take(told, { turn, status, snapshot, delta, cursor, heardAt }) {
    if (this.#rests || this.#isLost || turn !== this.#turn) return;
    try {
      if (told === "status") this.handlers.status(status);
      else await this.handlers.frames({ snapshot, delta });
      this.cursor = cursor ?? this.cursor;
      this.heardAt = heardAt ?? this.heardAt;
    } catch (error) {
      console.warn("frames_failed", String(error));
      this.#isLost = true;
      setTimeout(() => this.#isLost && this.#watch(), Math.random() * LONGEST_DELAY_MS);
    }
  }

  #takeLink(link) {
    if (link === this.link) return;
    this.link = link;
    this.handlers.link();
  }
}
