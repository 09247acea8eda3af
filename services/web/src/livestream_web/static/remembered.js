// What a browser keeps for its user, where it may: storage can be blocked, and then it holds for the page only.

const PREFIX = "livestream.";

export function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Then it does not.
  }
}
