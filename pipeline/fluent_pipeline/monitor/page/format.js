// Numbers, spans of time and moments as people read them.

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const HOUR = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];

export const whole = (value) => WHOLE.format(value);

export const short = (value) => (Math.abs(value) < 10000 ? WHOLE.format(Math.round(value)) : SHORT.format(value));

export const rate = (value) => (value > 0 && value < 10 ? value.toFixed(1) : short(value));

// A number of bytes and its unit.
export function bytes(value) {
  let unit = 0;
  while (value >= 1000 && unit < BYTES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit && value < 100 ? 1 : 0;
  return [value.toFixed(digits), BYTES[unit]];
}

export function span(nanoseconds) {
  const units = [["d", 864e11], ["h", 36e11], ["min", 6e10], ["s", 1e9], ["ms", 1e6], ["µs", 1e3]];
  const size = Math.abs(nanoseconds);
  if (size === 0) return "0 s";
  const [name, length] = units.find(([, length]) => size >= length) ?? ["ns", 1];
  const digits = size / length < 10 ? 2 : size / length < 100 ? 1 : 0;
  return `${Number((nanoseconds / length).toFixed(digits))} ${name}`;
}

export function uptime(seconds) {
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}

// A moment on the reader's clock, with the day where that is not today.
export function clock(text) {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(moment) : `${DAY.format(moment)}, ${CLOCK.format(moment)}`;
}

export const hour = (moment) => HOUR.format(moment);

// An event's own time, to the millisecond, in UTC.
export const utc = (text) => text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d\.\d{3})\d*Z$/, "$1 $2 UTC");

export const counted = (number, name) => `${whole(number)} ${name}${number === 1 ? "" : "s"}`;

// JSON as it came, with line breaks and indents. Numbers stay as they are written.
export function indented(json) {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return json.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:\s]+/g, (token, at) => {
    const rest = json.slice(at + 1, at + 2);
    if (token === "{" || token === "[") {
      if (rest === "}" || rest === "]") return token;
      depth += 1;
      return token + line();
    }
    if (token === "}" || token === "]") {
      const before = json[at - 1];
      if (before === "{" || before === "[") return token;
      depth -= 1;
      return line() + token;
    }
    if (token === ",") return token + line();
    return token === ":" ? ": " : token;
  });
}
