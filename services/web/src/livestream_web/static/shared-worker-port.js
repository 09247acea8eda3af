const SCRIPT = new URL("./stream-worker.js", import.meta.url).href;

/**
 * A port to the worker that all pages of this browser share; null where there are no shared workers. `onFailure` is
 * called where it turns out later that this one does not run.
 */
export function sharedWorkerPort(streams, onFailure) {
  try {
    const worker = new SharedWorker(trusted(SCRIPT), { type: "module", name: streams });
    worker.addEventListener("error", onFailure);
    return worker.port;
  } catch (error) {
    console.debug("no_shared_worker", String(error));
    return null;
  }
}

/** The security policy lets a page run no script whose address did not come through here. */
function trusted(address) {
  if (!globalThis.trustedTypes) return address;
  const policy = trustedTypes.createPolicy("livestream", {
    createScriptURL(url) {
      if (url !== SCRIPT) throw new TypeError(`not our script: ${url}`);
      return url;
    },
  });
  return policy.createScriptURL(address);
}
