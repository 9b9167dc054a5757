/**
 * A puppet on the official easemob-websdk: JSON lines in, what to do; JSON lines out, what happened.
 *
 * First line: {"app_key": "org#app", "url": "ws://host/websocket", "api_url": "http://host"}. Then:
 *   {"do": "login", "user": "…", "token": "…" or "password": "…", "device": "…"}
 *   {"do": "text", "to": "…", "text": "…", "ext": {…}, "tag": "…"}
 *   {"do": "command", "to": "…", "action": "…", "ext": {…}, "tag": "…"}
 *   {"do": "media", "type": "img" or "file", "to": "…", "name": "…", "bytes": "base64", "ext": {…}, "tag": "…"}
 *   {"do": "close"}   log out; ends the program
 *
 * Out:
 *   {"kind": "connected"}, {"kind": "reconnecting"}, {"kind": "disconnected", "code": …}, {"kind": "closed"}
 *   {"kind": "error", "type": …, "message": …}
 *   {"kind": "text", "id": "…", "from": "…", "to": "…", "text": "…", "ext": {…}, "time": …}
 *   {"kind": "command", …, "action": "…"}; location, custom, recall without more
 *   {"kind": "image", …, "length": …, "bytes": "base64", "name": "…"}; file, audio, video: downloaded as a page would
 *   {"kind": "sent", "tag": "…", "id": "…"}   the server's id, as text: it is beyond 2^53
 *   {"kind": "refused", "tag": "…", "type": …, "message": "…"}
 *
 * It ends by itself when told to close and when its input ends.
 */
import { createInterface } from "node:readline";

import "./browser.mjs";

// What the client prints is for people, and would fall between our lines.
const print = process.stdout.write.bind(process.stdout);
for (const level of ["log", "info", "warn", "debug", "error", "trace"]) console[level] = () => {};

const { default: WebIM } = await import("easemob-websdk");

const tell = (kind, more = {}) => print(`${JSON.stringify({ kind, ...more })}\n`);

let where;
let connection;

const about = ({ id, from, to, ext, time }) => ({ id, from, to, ext: ext ?? {}, time });

/** Fetch what a message points at, by the address that the client makes of it. */
const download = async (kind, message) => {
  const { filename: name, file_length: length, url } = message;
  const answer = await fetch(url);
  const bytes = Buffer.from(await answer.arrayBuffer()).toString("base64");
  tell(kind, { ...about(message), name, length, bytes, status: answer.status });
};

const HANDLERS = {
  onConnected: () => tell("connected"),
  onDisconnected: (why) => tell("disconnected", { code: why?.type ?? null }),
  onReconnecting: () => tell("reconnecting"),
  onError: (error) => tell("error", { type: error?.type ?? null, message: String(error?.message ?? "") }),
  onTextMessage: (message) => tell("text", { ...about(message), text: message.msg }),
  onCmdMessage: (message) => tell("command", { ...about(message), action: message.action }),
  onImageMessage: (message) => download("image", message),
  onFileMessage: (message) => download("file", message),
  onAudioMessage: (message) => download("audio", message),
  onVideoMessage: (message) => download("video", message),
  onLocationMessage: (message) => tell("location", about(message)),
  onCustomMessage: (message) => tell("custom", about(message)),
  onRecallMessage: (message) => tell("recall", about(message)),
};

const submit = async (message, tag) => {
  try {
    const { serverMsgId } = await connection.send(message);
    tell("sent", { tag, id: serverMsgId });
  } catch (error) {
    tell("refused", { tag, type: error?.type ?? null, message: String(error?.message ?? "") });
  }
};

const COMMANDS = {
  async login({ user, token, password, device }) {
    const { app_key: appKey, url, api_url: apiUrl } = where;
    const deviceId = device ? { deviceId: device } : {};
    connection = new WebIM.connection({ appKey, url, apiUrl, isHttpDNS: false, https: false, ...deviceId });
    connection.addEventHandler("puppet", HANDLERS);
    try {
      await connection.open({ user, ...(token ? { accessToken: token } : { pwd: password }) });
    } catch (error) {
      tell("error", { type: error?.type ?? null, message: String(error?.message ?? "") });
    }
  },
  async text({ to, text, ext, tag }) {
    await submit(WebIM.message.create({ type: "txt", chatType: "singleChat", to, msg: text, ext: ext ?? {} }), tag);
  },
  async command({ to, action, ext, tag }) {
    await submit(WebIM.message.create({ type: "cmd", chatType: "singleChat", to, action, ext: ext ?? {} }), tag);
  },
  async media({ type, to, name, bytes, ext, tag }) {
    const data = new File([Buffer.from(bytes, "base64")], name);
    const file = { data, filename: name, filetype: name.split(".").pop(), url: "blob:nodedata" };
    await submit(WebIM.message.create({ type, chatType: "singleChat", to, file, ext: ext ?? {} }), tag);
  },
  close() {
    finish();
  },
};

let finishing = false;

const finish = () => {
  if (finishing) return;
  finishing = true;
  connection?.close();
  tell("closed");
  // The client leaves timers behind, and its last frame needs a moment to get out.
  setTimeout(() => process.exit(0), 100);
};

// As in a browser, where an error that nobody catches ends nothing.
for (const type of ["unhandledRejection", "uncaughtException"]) {
  process.on(type, (error) => tell("error", { type, message: String(error?.message ?? error) }));
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { do: name, ...rest } = JSON.parse(line);
    if (name === undefined) where = rest;
    else void COMMANDS[name](rest);
  })
  .on("close", finish);
