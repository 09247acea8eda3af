import { namePath, setText, setTime } from "./format.js";

// Names and ids hold no control characters.
export const messageKey = (message) => `${message.channel}\0${message.id}`;

/** The page of one message, at the message. */
const messagePath = ({ channel, id }) => `${namePath("channels", channel)}/messages/${encodeURIComponent(id)}#message`;

/** The message that the server's markup shows; of an edit it says only that there was one. */
export function readMessage(node) {
  const { id, channel, user, offset } = node.dataset;
  const ts = node.querySelector("time").dateTime;
  const text = node.querySelector(".text").textContent;
  const isEdited = !node.querySelector(".edited").hidden;
  return { id, channel, user, offset: Number(offset), ts, text, ...(isEdited && { edited_at: "" }) };
}

/** Draws messages. A node can show one after the other. */
export const messageDrawing = {
  fill(node, message) {
    const { id, channel, user, offset } = message;
    node.classList.remove("arrived");
    Object.assign(node.dataset, { id, channel, user, offset });
    for (const [selector, kind, name] of [[".user", "users", user], [".channel", "channels", channel]]) {
      const link = node.querySelector(selector);
      link.href = namePath(kind, name);
      setText(link.firstElementChild, name);
    }
    const time = node.querySelector("time");
    time.parentElement.href = messagePath(message);
    setTime(time, message.ts);
    this.update(node, message);
  },
  update(node, message) {
    setText(node.querySelector(".text"), message.text);
    node.querySelector(".edited").hidden = message.edited_at === undefined;
  },
};
