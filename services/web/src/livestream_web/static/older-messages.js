import { tokenBelow, OLDER_ROWS } from "./paging.js";
import { setText } from "./format.js";

const OFFER = "Older messages";

/** The link to older messages, which loads them in place. It is a real link: it works without this. */
export class OlderMessages {
  constructor(paging, api, load) {
    this.link = paging?.querySelector("[rel=next]") ?? null;
    // What it leads to is looked for in the same way as what is on the page.
    this.page = this.link && new URL(this.link.href);
    this.api = api;
    this.load = load;
    this.link?.addEventListener("click", (event) => this.#clicked(event));
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
    this.link.hidden = floor === null;
    if (floor === null || floor === this.floor) return;
    this.floor = floor;
    this.page.searchParams.set("page", tokenBelow(floor));
    this.link.href = this.page.pathname + this.page.search;
  }

  async #clicked(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab or window gets the page of history
    event.preventDefault();
    if (this.link.ariaBusy === "true") return;
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
