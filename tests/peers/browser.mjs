/**
 * The little of a browser that easemob-websdk needs to run on Node.
 *
 * A window that is the global object, a storage that lives as long as the process, a WebSocket (of `ws`: Node 20 has
 * none of its own), and an XMLHttpRequest made of fetch, with what the client uses of it. Import this before the client.
 */
import NodeWebSocket from "ws";

/** In a browser an error that nobody listens for ends nothing. */
class WebSocket extends NodeWebSocket {
  constructor(...args) {
    super(...args);
    this.on("error", () => {});
  }
}

class Storage {
  #items = new Map();

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    this.#items.set(key, String(value));
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}

class XMLHttpRequest extends EventTarget {
  readyState = 0;
  status = 0;
  response = "";
  responseText = "";
  responseType = "";
  timeout = 0;
  upload = new EventTarget();
  #method = "GET";
  #url = "";
  #headers = {};
  #answerHeaders = new Headers();
  #abort = new AbortController();

  open(method, url) {
    [this.#method, this.#url] = [method, url];
    this.#step(1);
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  getResponseHeader(name) {
    return this.#answerHeaders.get(name);
  }

  getAllResponseHeaders() {
    return [...this.#answerHeaders].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  }

  abort() {
    this.#abort.abort();
  }

  async send(body) {
    const timer = this.timeout ? setTimeout(() => this.abort(), this.timeout) : undefined;
    try {
      const answer = await fetch(this.#url, {
        method: this.#method,
        headers: this.#headers,
        body: body ?? undefined,
        signal: this.#abort.signal,
      });
      this.status = answer.status;
      this.#answerHeaders = answer.headers;
      this.#step(2);
      this.response = this.responseText = await answer.text();
      this.#step(4);
      this.#fire("load");
    } catch {
      this.#step(4);
      this.#fire(this.#abort.signal.aborted ? "abort" : "error");
    } finally {
      clearTimeout(timer);
    }
  }

  #step(state) {
    this.readyState = state;
    this.#fire("readystatechange");
  }

  #fire(name) {
    const event = new Event(name);
    this[`on${name}`]?.(event);
    this.dispatchEvent(event);
  }
}

const define = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

define("self", globalThis);
define("window", globalThis);
define("location", { protocol: "http:", host: "127.0.0.1", hostname: "127.0.0.1", href: "http://127.0.0.1/" });
define("navigator", { userAgent: "node", onLine: true });
define("document", { cookie: "", addEventListener() {}, removeEventListener() {}, visibilityState: "visible" });
define("addEventListener", () => {});
define("removeEventListener", () => {});
define("localStorage", new Storage());
define("WebSocket", WebSocket);
define("XMLHttpRequest", XMLHttpRequest);
