import { namePath, setText, setTime } from "./format.js";

// Names and ids hold no control characters.
export const messageKey = (message) => `${message.channel}\0${message.id}`;

/** The page of one message, at the message. */
const messagePath = ({ channel, id }) => `${namePath("channels", channel)}/messages/${encodeURIComponent(id)}#message`;

/** What the server's markup says of a message. Its text stays where it is. */
export function readMessage(node) {
  const { id, channel, user, offset } = node.dataset;
  return { id, channel, user, offset: Number(offset), ts: node.querySelector("time").dateTime };
}

/** Draws messages from the <template> that the server made of its own row. */
export function messageDrawing(template) {
  function update(node, message) {
    setText(node.querySelector(".text"), message.text);
    node.querySelector(".edited").hidden = message.edited_at === undefined;
  }
  function create(message) {
    const node = template.content.firstElementChild.cloneNode(true);
    const { id, channel, user, offset } = message;
    Object.assign(node.dataset, { id, channel, user, offset });
    for (const [selector, kind, name] of [[".user", "users", user], [".channel", "channels", channel]]) {
      const link = node.querySelector(selector);
      link.href = namePath(kind, name);
      link.firstElementChild.textContent = name;
    }
    const time = node.querySelector("time");
    time.parentElement.href = messagePath(message);
    setTime(time, message.ts);
    update(node, message);
    return node;
  }
  return { create, update };
}
