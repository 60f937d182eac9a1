// Reads {headers, body} as JSON and writes what CloudEvents' own SDK makes of it: one event, or a list of them.
const { HTTP } = require("cloudevents");

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => process.stdout.write(JSON.stringify(HTTP.toEvent(JSON.parse(input)))));
