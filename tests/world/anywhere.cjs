// Read by Node before a program: lets it listen where the system finds room, on loopback, whatever its own code says.
const net = require("node:net");
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (...given) {
  const ready = given.filter((part) => typeof part === "function");
  return listen.call(this, { port: 0, host: "127.0.0.1" }, ...ready);
};
