/**
 * The events of a text/event-stream body: {type, id, data}, and {type: "retry", data} for the server's wish of when to
 * come back. `onBytes` is called at each sign of life. (WHATWG HTML, "Server-sent events", as far as our gateway uses it.)
 */
export async function* readEvents(body, onBytes) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { type: "message", id: "", data: [] };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onBytes();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) yield { ...event, data: event.data.join("\n") };
        event = { type: "message", id: "", data: [] };
        continue;
      }
      const [, field, content] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === "event") event.type = content;
      else if (field === "id") event.id = content;
      else if (field === "data") event.data.push(content);
      else if (field === "retry") yield { type: "retry", id: "", data: content };
    }
  }
}
