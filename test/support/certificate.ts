/** Self-signed certificates of 127.0.0.1, made when they are needed: one in the repository would expire. */
import { generateKeyPairSync, sign } from "node:crypto"

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** A value in DER. */
const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: ReadonlyArray<Uint8Array>) => der(0x30, ...parts)
const oid = (hexadecimal: string) => der(0x06, Buffer.from(hexadecimal, "hex"))
const time = (date: Date) => der(0x17, Buffer.from(`${date.toISOString().replace(/\.\d+|[-:T]/g, "").slice(2)}`))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const name = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from("test")))))

/** A certificate of an address, 127.0.0.1 or another one, until a time. */
export const certificate = (until: Date, address: ReadonlyArray<number> = [127, 0, 0, 1]): Certificate => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const names = sequence(oid("551d11"), der(0x04, sequence(der(0x87, Buffer.from(address)))))
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    sequence(time(new Date("2020-01-01")), time(until)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(names))
  )
  const signature = sign("sha256", content, privateKey)
  const whole = sequence(content, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  return {
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString("base64")}\n-----END CERTIFICATE-----\n`
  }
}
