// Faster than this nobody can read, and drawing would take from what else the machine does.
const INTERVAL_MS = 250;
// Of the time, at most one part in so many goes into drawing, however much there is to draw.
const SHARE = 5;

/** A function that asks for `render` to run soon: in bulk, before the next frame is drawn, also where nothing is drawn. */
export function rendersSoon(render) {
  let asked = false;
  let next = 0;
  function run() {
    asked = false;
    const began = performance.now();
    render();
    next = began + Math.max(INTERVAL_MS, SHARE * (performance.now() - began));
  }
  return () => {
    if (asked) return;
    asked = true;
    // A hidden page draws no frames, but holds what is taken from it to be deleted.
    const draw = () => (document.hidden ? run() : requestAnimationFrame(run));
    setTimeout(draw, Math.max(0, next - performance.now()));
  };
}
