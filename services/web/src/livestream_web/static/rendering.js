// Faster than this nobody can read, and drawing would take from what else the machine does.
const INTERVAL_MS = 150;

/** A function that asks for `render` to run soon: in bulk, before the next frame is drawn, also where nothing is drawn. */
export function rendersSoon(render) {
  let asked = false;
  let last = -Infinity;
  function run() {
    asked = false;
    last = performance.now();
    render();
  }
  return () => {
    if (asked) return;
    asked = true;
    // A hidden page draws no frames, but holds what is taken from it to be deleted.
    const draw = () => (document.hidden ? run() : requestAnimationFrame(run));
    setTimeout(draw, Math.max(0, last + INTERVAL_MS - performance.now()));
  };
}
