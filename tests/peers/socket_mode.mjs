// Slack's own Node client, as a peer: it connects, receives, acknowledges, and says what it saw.
//
// First line in: {"api_url", "app_token"}. Lines out: {"kind": "connected"}, {"kind": "request", …}, {"kind": "disconnected"}.
import { createInterface } from "node:readline";
import { SocketModeClient, LogLevel } from "@slack/socket-mode";

const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`);
// Its logs belong to standard error: standard output is ours.
const complain = (...words) => process.stderr.write(`${words.join(" ")}\n`);
const logger = {
  debug() {},
  info: complain,
  warn: complain,
  error: complain,
  setLevel() {},
  getLevel: () => LogLevel.INFO,
  setName() {},
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);

const client = new SocketModeClient({
  appToken: settings.app_token,
  // It waits this long before it connects anew.
  clientPingTimeout: settings.ping_timeout_ms ?? 5000,
  logger,
  clientOptions: { slackApiUrl: settings.api_url },
});

client.on("connected", () => say({ kind: "connected" }));
client.on("reconnecting", () => say({ kind: "reconnecting" }));
client.on("disconnected", () => say({ kind: "disconnected" }));
client.on("slack_event", async ({ ack, type, body, retry_num, accepts_response_payload }) => {
  await ack(accepts_response_payload ? { text: "thank you" } : undefined);
  say({
    kind: "request",
    type,
    event_id: body.event_id ?? "",
    event: body.event?.type ?? "",
    text: body.event?.text ?? body.text ?? "",
    retry: retry_num ?? 0,
  });
});

try {
  await client.start();
  while (!(await lines.next()).done);
  await client.disconnect();
  process.exit(0);
} catch (error) {
  say({ kind: "failed", error: String(error) });
  process.exit(1);
}
