// Reads {secret, headers, body} as JSON and writes what standardwebhooks makes of it: the event, or null.
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => {
  const { secret, headers, body } = JSON.parse(input);
  let event = null;
  try {
    event = new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
  }
  process.stdout.write(JSON.stringify(event));
});
