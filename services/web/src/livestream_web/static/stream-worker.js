// The hub that all pages of a browser share. Its name is the address of the streams.

import { StreamHub } from "./stream-hub.js";

const hub = new StreamHub(self.name);
self.addEventListener("connect", ({ ports: [port] }) => hub.add(port));
