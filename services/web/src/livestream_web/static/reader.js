import { setText } from "./format.js";

/** Whether somebody reads a list below its top, and the button that leads back there. */
export class Reader {
  constructor(list, offer, requestRender) {
    this.list = list;
    this.offerElement = offer;
    this.button = offer.querySelector("button");
    this.button.addEventListener("click", () => this.#returnToTop(requestRender));
    // What ends reading may have no frame behind it.
    addEventListener("scroll", requestRender, { passive: true });
    document.addEventListener("selectionchange", requestRender);
    list.addEventListener("focusout", requestRender);
  }

  get isReading() {
    return this.list.getBoundingClientRect().top < 0 || this.#hasFocus || this.#hasSelection;
  }

  /** Offer that many new messages; `most` are as many as are counted. */
  offer(count, most) {
    this.offerElement.hidden = count === 0;
    if (count) setText(this.button, `${count}${count >= most ? "+" : ""} new ${count === 1 ? "message" : "messages"}`);
  }

  get #hasFocus() {
    const focused = document.activeElement;
    return focused !== this.list && this.list.contains(focused);
  }

  get #hasSelection() {
    const selection = getSelection();
    if (selection.isCollapsed || !selection.rangeCount) return false;
    return selection.getRangeAt(0).intersectsNode(this.list);
  }

  #returnToTop(requestRender) {
    if (this.#hasSelection) getSelection().removeAllRanges();
    this.list.scrollIntoView({ block: "start" });
    // The button is about to go; the focus must not be lost with it.
    this.list.focus({ preventScroll: true });
    requestRender();
  }
}
