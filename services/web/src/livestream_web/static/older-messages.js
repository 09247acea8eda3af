import { tokenBelow, OLDER_ROWS } from "./paging.js";
import { setText } from "./format.js";

const OFFER = "Older messages";
// About two screens before the end: what is loaded then is there when somebody arrives.
const AHEAD = "1500px 0px";

/**
 * The link to older messages, which loads them in place: when it is clicked, and before somebody has scrolled to it. It is
 * a real link: it works without this.
 */
export class OlderMessages {
  #observer = null;

  constructor(paging, api, load) {
    this.link = paging?.querySelector("[rel=next]") ?? null;
    this.end = paging?.querySelector(".end");
    // What it leads to is looked for in the same way as what is on the page.
    this.page = this.link && new URL(this.link.href);
    this.api = api;
    this.load = load;
    if (!this.link) return;
    this.link.addEventListener("click", (event) => this.#clicked(event));
    addEventListener("scroll", () => this.#loadAhead(), { once: true, passive: true });
  }

  get exists() {
    return this.link !== null;
  }

  get offered() {
    return this.exists && !this.link.hidden;
  }

  /** Where the API has the messages below `floor`. */
  address(floor) {
    const address = new URL(this.api, location.href);
    address.searchParams.set("limit", OLDER_ROWS);
    address.searchParams.set("page", tokenBelow(floor));
    return address;
  }

  /** Lead to what is below `floor`; null where there is nothing. */
  offer(floor) {
    if (!this.link) return;
    if (!floor) {
      if (this.offered) exchange(this.link, this.end);
      return;
    }
    exchange(this.end, this.link);
    if (floor === this.floor) return;
    this.floor = floor;
    this.page.searchParams.set("page", tokenBelow(floor));
    this.link.href = this.page.pathname + this.page.search;
    // It tells again whether the link is near, now that the rows are there.
    this.#observer?.unobserve(this.link);
    this.#observer?.observe(this.link);
  }

  #loadAhead() {
    this.#observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#load(), { rootMargin: AHEAD });
    this.#observer.observe(this.link);
  }

  #clicked(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab or window gets the page of history
    event.preventDefault();
    this.#load();
  }

  async #load() {
    if (this.link.ariaBusy === "true" || this.link.hidden) return;
    this.link.ariaBusy = "true";
    setText(this.link, "Loading…");
    try {
      await this.load();
      setText(this.link, OFFER);
    } catch (error) {
      console.warn("older_messages_failed", String(error));
      setText(this.link, `${OFFER} could not be loaded. Try again`);
    } finally {
      this.link.ariaBusy = null;
    }
  }
}

/** Show one element in the place of another, with the focus if that has it. */
function exchange(before, after) {
  after.hidden = false;
  if (document.activeElement === before) after.focus({ preventScroll: true });
  before.hidden = true;
}
