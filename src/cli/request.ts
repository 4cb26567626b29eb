import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import type * as Stdio from "effect/Stdio"
import * as ChatRequest from "../ChatRequest.ts"
import * as ProviderError from "../errors/providerError.ts"
import { defined } from "../internal/defined.ts"
import * as PartialJson from "../PartialJson.ts"
import * as Files from "./files.ts"
import * as CliObject from "./object.ts"
import { type Failed, wrongUsage } from "./status.ts"
import * as Stdin from "./stdin.ts"

/** @internal */
export interface Input {
  readonly request: Option.Option<string>
  readonly system: Option.Option<string>
  readonly maxTokens: Option.Option<number>
  readonly temperature: Option.Option<number>
  readonly images: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
  readonly schema: Option.Option<string>
  readonly prompt: Option.Option<string>
}

type Made = Effect.fn.Return<
  ChatRequest.Normalized,
  Failed | ProviderError.InvalidRequest,
  Stdio.Stdio | FileSystem.FileSystem | Path.Path
>

type Read<A> = Effect.Effect<A, Failed | ProviderError.InvalidRequest, Stdio.Stdio | FileSystem.FileSystem | Path.Path>

/**
 * The request of the command line, with a default model.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*(
  input: Input,
  model: { readonly asked: string | undefined; readonly fallback: string | undefined }
): Made {
  const own = yield* Option.match(input.request, {
    onNone: () => fromPrompt(input),
    onSome: (file) => fromFile(file, input)
  })
  return yield* complete(own, input, model)
})

/**
 * A request with what the flags say.
 *
 * @internal
 */
export const complete = Effect.fnUntraced(function*(
  own: ChatRequest.Normalized,
  input: Input,
  model: { readonly asked: string | undefined; readonly fallback: string | undefined }
): Made {
  const asked = model.asked ?? own.model ?? model.fallback
  const responseFormat = Option.isNone(input.schema) ? undefined : yield* schemaOf(input.schema.value)
  return {
    ...own,
    ...defined({
      model: asked,
      system: Option.getOrUndefined(input.system),
      maxTokens: Option.getOrUndefined(input.maxTokens),
      temperature: Option.getOrUndefined(input.temperature),
      responseFormat
    })
  }
})

const fromFile = (file: string, input: Input): Read<ChatRequest.Normalized> =>
  Effect.gen(function*() {
    if (Option.isSome(input.prompt) || input.images.length > 0 || input.files.length > 0) {
      return yield* wrongUsage("--request holds the whole conversation: leave out PROMPT, --image and --file")
    }
    const text = file === "-" ? yield* Stdin.text : yield* Files.text(file)
    return yield* Effect.fromResult(
      Result.flatMap(jsonOf(text), ChatRequest.fromJson).pipe(Result.mapError(inFile("request", file)))
    )
  })

const fromPrompt = (input: Input): Read<ChatRequest.Normalized> =>
  Effect.gen(function*() {
    const prompt = Option.getOrElse(input.prompt, () => "")
    const piped = prompt === "-" ? yield* Stdin.text : yield* Stdin.piped
    // Piped text ends with a line end; the blank line that separates it from the prompt is added below.
    const before = prompt === "-" ? piped : piped.replace(/\r?\n$/, "")
    const text = [before, prompt === "-" ? "" : prompt].filter((part) => part.trim() !== "").join("\n\n")
    const parts = yield* Effect.forEach(
      [...input.images.map((at) => [at, "image"] as const), ...input.files.map((at) => [at, "file"] as const)],
      ([at, kind]) => filePart(at, kind)
    )
    if (text === "" && parts.length === 0) {
      return yield* wrongUsage(
        Option.isNone(input.prompt)
          ? "No PROMPT: give one, or the whole request by --request FILE"
          : "The prompt is empty"
      )
    }
    return yield* Effect.fromResult(ChatRequest.normalize({
      prompt: [{
        role: "user",
        content: [...parts, ...(text === "" ? [] : [{ type: "text" as const, text }])]
      }]
    }))
  })

const mediaTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  html: "text/html",
  json: "application/json",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xls: "application/vnd.ms-excel",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  mp3: "audio/mpeg",
  wav: "audio/wav"
}

const filePart = (at: string, kind: "image" | "file"): Read<Prompt.FilePartEncoded> =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const isUrl = /^https?:\/\//i.test(at)
    const name = isUrl ? new URL(at).pathname : at
    const extension = path.extname(name).slice(1).toLowerCase()
    const mediaType = Object.hasOwn(mediaTypes, extension)
      ? mediaTypes[extension]
      : isUrl && kind === "image"
      ? "image/*"
      : undefined
    if (mediaType === undefined || kind === "image" && !mediaType.startsWith("image/")) {
      return yield* wrongUsage(
        `--${kind} ${at}: not a file type that can be sent (${
          Object.keys(mediaTypes).filter((type) => kind === "file" || mediaTypes[type]?.startsWith("image/")).join(", ")
        })`
      )
    }
    return {
      type: "file",
      mediaType,
      fileName: path.basename(name),
      data: isUrl ? at : yield* Files.bytes(at)
    }
  })

const schemaOf = (file: string): Read<ChatRequest.SchemaFormat> =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const schema = yield* Effect.fromResult(
      Result.flatMap(jsonOf(yield* Files.text(file)), CliObject.schemaOf).pipe(
        Result.mapError(inFile("schema", file))
      )
    )
    const name = path.basename(file).replace(/(\.schema)?\.json$/, "").replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64)
    return { ...(name === "" ? undefined : { name }), schema }
  })

const jsonOf = (text: string): Result.Result<unknown, ProviderError.InvalidRequest> =>
  Result.mapError(PartialJson.parse(text), (message) => new ProviderError.InvalidRequest({ message }))

const inFile = (flag: string, file: string) => ({ message }: ProviderError.InvalidRequest) =>
  new ProviderError.InvalidRequest({ message: `--${flag} ${file}: ${message}` })
