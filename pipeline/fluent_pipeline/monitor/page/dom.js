// Elements made of text. Nothing here, or anywhere on the page, reads text as markup.

const SVG = "http://www.w3.org/2000/svg";

export const find = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(key, value === true ? "" : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// A link where the address is one with TLS, else the text alone.
export function link(address, ...children) {
  if (!isWebAddress(address)) return element("span", {}, ...children);
  const attributes = { href: address, target: "_blank", rel: "noopener noreferrer" };
  return element("a", attributes, ...children);
}

function isWebAddress(text) {
  if (typeof text !== "string") return false;
  try {
    return new URL(text).protocol === "https:";
  } catch {
    return false;
  }
}

export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element(
    "dl",
    { class: "facts" },
    told.map(([name, value]) => [
      element("dt", {}, name),
      element("dd", {}, value instanceof Node ? value : shown(value)),
    ]).flat(),
  );
}

// A field's value as text.
export function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
