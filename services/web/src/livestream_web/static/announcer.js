import { setText } from "./format.js";

// A live region that speaks more often keeps others from being heard (WCAG 4.1.3 asks for status, not for a stream).
const QUIET_MS = 15_000;
const MOST_READ_OUT = 3;
const LONGEST_READ_OUT = 120;

/**
 * Says to screen readers what has come: how many messages came above somebody who reads further down, and for who
 * asked for it the messages themselves, a few at a time. Everybody else is left in peace.
 */
export class Announcer {
  #news = [];
  #count = 0;
  #next = 0;
  #timer = 0;

  /** `wanted()`: whether new messages are to be announced; `waiting()`: whether they wait unseen. */
  constructor(element, wanted, waiting) {
    Object.assign(this, { element, wanted, waiting });
  }

  /** Messages that are new to the page. */
  heard(messages) {
    if (!messages.length) return;
    this.#count += messages.length;
    this.#news = [...this.#news, ...messages].slice(-MOST_READ_OUT);
    if (!this.#timer) this.#timer = setTimeout(() => this.#speak(), Math.max(0, this.#next - performance.now()));
  }

  /** Something else has to be said, with nothing old behind it. */
  clear() {
    setText(this.element, "");
  }

  #speak() {
    this.#timer = 0;
    const [count, news] = [this.#count, this.#news];
    this.#count = 0;
    this.#news = [];
    if (this.waiting()) this.#say(summary(count));
    else if (this.wanted()) this.#say(count > MOST_READ_OUT ? summary(count) : news.map(readOut).join(" "));
    else return;
    this.#next = performance.now() + QUIET_MS;
  }

  /** The same words once more are a change, too: what does not change is not read out. */
  #say(text) {
    this.element.textContent = text === this.element.textContent ? `${text}\u00a0` : text;
  }
}

const summary = (count) => `${count} new ${count === 1 ? "message" : "messages"}.`;

const readOut = ({ user, channel, text }) => `${user} in ${channel}: ${shortened(text)}.`;

function shortened(text) {
  const characters = [...text];
  return characters.length > LONGEST_READ_OUT ? `${characters.slice(0, LONGEST_READ_OUT).join("")}…` : text;
}
