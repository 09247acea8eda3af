import { setText } from "./format.js";

/** Whether some of what an element shows is selected. */
export function hasSelection(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

/** Whether a pointer is held down on an element. */
export class PressedPointer {
  isDown = false;

  constructor(element) {
    element.addEventListener("pointerdown", () => (this.isDown = true));
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (this.isDown = false));
  }
}

/** Whether somebody reads a list below its top, and the button that leads back there. */
export class Reader {
  constructor(list, offer, requestRender) {
    this.list = list;
    this.offerElement = offer;
    this.pointer = new PressedPointer(list);
    this.button = offer.querySelector("button");
    this.button.addEventListener("click", () => this.#returnToTop(requestRender));
    // What ends reading may have no frame behind it.
    addEventListener("scroll", requestRender, { passive: true });
    document.addEventListener("selectionchange", requestRender);
    list.addEventListener("focusout", requestRender);
  }

  get isReading() {
    const { list } = this;
    return list.getBoundingClientRect().top < 0 || this.pointer.isDown || this.#hasFocus || hasSelection(list);
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

  #returnToTop(requestRender) {
    if (hasSelection(this.list)) getSelection().removeAllRanges();
    this.list.scrollIntoView({ block: "start" });
    // The button is about to go; the focus must not be lost with it.
    this.list.focus({ preventScroll: true });
    requestRender();
  }
}
