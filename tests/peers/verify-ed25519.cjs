// Reads {key, headers, body} as JSON and says whether the public key (whpk_…) verifies a v1a signature. No library of
// Standard Webhooks reads v1a yet, so this is what the specification says, with Node's own Ed25519.
const { createPublicKey, verify } = require("node:crypto");

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => {
  const { key, headers, body } = JSON.parse(input);
  const x = Buffer.from(key.replace(/^whpk_/, ""), "base64").toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const right = headers["webhook-signature"].split(" ").some((one) => {
    const [version, signature] = one.split(",");
    return version === "v1a" && verify(null, signed, publicKey, Buffer.from(signature, "base64"));
  });
  process.stdout.write(JSON.stringify(right));
});
