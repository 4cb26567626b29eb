import { assert, describe, it } from "@effect/vitest"
import {
  AnthropicChunk,
  AzureChunk,
  BedrockChunk,
  ChatEvent,
  type Chunk,
  OpenAiChunk,
  OpenAiResponsesChunk,
  Parts
} from "../../src/index.ts"

const anthropic = (citation: object) =>
  new AnthropicChunk({
    chunk: { type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation: { ...citation } } }
  })

const bedrock = (citation: object) =>
  new BedrockChunk({ chunk: { contentBlockDelta: { contentBlockIndex: 0, delta: { citation: { ...citation } } } } })

const chat = (annotation: object) =>
  new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { annotations: [annotation] } }] } })

const responses = (annotation: object) =>
  new OpenAiResponsesChunk({
    chunk: { type: "response.output_text.annotation.added", output_index: 0, annotation: { ...annotation } }
  })

const cases: ReadonlyArray<readonly [what: string, chunk: Chunk.Chunk, source: Omit<ChatEvent.Source, "_tag">]> = [
  [
    "Anthropic's characters of a document",
    anthropic({
      type: "char_location",
      cited_text: "The sky",
      document_index: 0,
      document_title: "Colours",
      start_char_index: 3,
      end_char_index: 10
    }),
    { document: "0", title: "Colours", citedText: "The sky", place: { unit: "character", start: 3, end: 10 } }
  ],
  [
    "Anthropic's pages of a file",
    anthropic({
      type: "page_location",
      cited_text: "is blue",
      document_index: 1,
      file_id: "file_1",
      start_page_number: 2,
      end_page_number: 3
    }),
    { document: "file_1", title: "file_1", citedText: "is blue", place: { unit: "page", start: 2, end: 3 } }
  ],
  [
    "Anthropic's blocks of content",
    anthropic({
      type: "content_block_location",
      cited_text: "a",
      document_index: 2,
      document_title: "Notes",
      start_block_index: 0,
      end_block_index: 1
    }),
    { document: "2", title: "Notes", citedText: "a", place: { unit: "block", start: 0, end: 1 } }
  ],
  [
    "Anthropic's search results",
    anthropic({
      type: "search_result_location",
      cited_text: "a",
      source: "kb-17",
      title: "Help",
      search_result_index: 0,
      start_block_index: 0,
      end_block_index: 1
    }),
    { document: "kb-17", title: "Help", citedText: "a", place: { unit: "block", start: 0, end: 1 } }
  ],
  [
    "Anthropic's web pages",
    anthropic({ type: "web_search_result_location", cited_text: "a", url: "https://a.example", title: "A" }),
    { url: "https://a.example", title: "A", citedText: "a" }
  ],
  [
    "Bedrock's pages of a document",
    bedrock({
      title: "Colours",
      sourceContent: [{ text: "The " }, { text: "sky" }],
      location: { documentPage: { documentIndex: 0, start: 1, end: 2 } }
    }),
    { document: "0", title: "Colours", citedText: "The sky", place: { unit: "page", start: 1, end: 2 } }
  ],
  [
    "Bedrock's web pages",
    bedrock({ location: { web: { url: "https://a.example", domain: "a.example" } } }),
    { url: "https://a.example", title: "a.example" }
  ],
  [
    "OpenAI's files",
    responses({ type: "file_citation", file_id: "file-1", filename: "colours.pdf", index: 3 }),
    { document: "file-1", title: "colours.pdf" }
  ],
  [
    "OpenAI's files of containers",
    responses({ type: "container_file_citation", container_id: "c", file_id: "cfile-1", filename: "plot.png" }),
    { document: "cfile-1", title: "plot.png" }
  ],
  [
    "OpenAI's web pages",
    responses({ type: "url_citation", url: "https://a.example", title: "A", start_index: 0, end_index: 5 }),
    { url: "https://a.example", title: "A" }
  ],
  [
    "web pages of chat completions",
    chat({ type: "url_citation", url_citation: { url: "https://a.example", title: "A", content: "a" } }),
    { url: "https://a.example", title: "A", citedText: "a" }
  ],
  [
    "Azure's own data",
    new AzureChunk({
      chunk: {
        choices: [{
          index: 0,
          delta: {
            context: { citations: [{ content: "The sky", title: "Colours", url: null, filepath: "colours.md" }] }
          }
        }]
      }
    }),
    { document: "colours.md", title: "Colours", citedText: "The sky" }
  ]
]

describe("sources", () => {
  for (const [what, chunk, source] of cases) {
    it(`state ${what}, once`, () => {
      const events: Array<ChatEvent.ChatEvent> = []
      const decoder = ChatEvent.decoder()
      decoder.push(chunk, events)
      decoder.push(chunk, events)
      assert.deepStrictEqual(events, [{ _tag: "Source", ...source }])

      const [part, ...others] = Parts.chunkDecoder().push([chunk, chunk]).filter(({ type }) => type === "source")
      assert.isEmpty(others)
      assert.deepNestedInclude(part, { title: source.title, sourceType: source.url === undefined ? "document" : "url" })
      const [metadata] = Object.values(part?.metadata ?? {})
      const { citedText, document, place } = source
      const stated = JSON.parse(JSON.stringify({ document, citedText, place }))
      assert.deepStrictEqual(metadata ?? {}, stated)
    })
  }

  it("stay with their text, as the provider gave them", () => {
    const one = { title: "Atlas", cited_text: "is blue" }
    const other = { title: "Colours", cited_text: "The sky" }
    const text = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Blue." } } as const
    const said = { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Blue." } } }
    const streams: ReadonlyArray<ReadonlyArray<Chunk.Chunk>> = [
      [new AnthropicChunk({ chunk: text }), anthropic(one), anthropic(other)],
      [new BedrockChunk({ chunk: said }), bedrock(one), bedrock(other)]
    ]
    for (const chunks of streams) {
      const decoder = Parts.chunkDecoder()
      const end = [...decoder.push(chunks), ...decoder.end()].find(({ type }) => type === "text-end")
      assert.deepStrictEqual(Object.values(end?.metadata ?? {}), [{ citations: [one, other] }])
    }
  })

  it("are parts of their own by their address, or by the place in their document", () => {
    const web = (url: string, title: string) => chat({ type: "url_citation", url_citation: { url, title } })
    const cited = (document_index: number, start_char_index: number) =>
      anthropic({ type: "char_location", cited_text: "a", document_index, start_char_index, end_char_index: 9 })
    const idsOf = (...chunks: ReadonlyArray<Chunk.Chunk>) =>
      Parts.chunkDecoder().push(chunks).flatMap((part) => part.type === "source" ? [part.title] : [])
    // The same page by another title, and by another spelling of its address.
    assert.deepStrictEqual(idsOf(web("https://a.test", "A"), web("https://a.test", "B"), web("https://A.test/", "C")), [
      "A"
    ])
    assert.deepStrictEqual(idsOf(web("https://a.test/1", "A"), web("https://a.test/2", "A")), ["A", "A"])
    assert.deepStrictEqual(idsOf(web("nowhere", "A")), [])
    assert.deepStrictEqual(idsOf(cited(0, 1), cited(0, 1), cited(0, 2), cited(1, 1)), ["0", "0", "1"])
  })
})
