const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "")

/** A bar for each row, as an SVG that reads on light and on dark pages. */
export const plot = (title, rows) => {
  const most = Math.max(...rows.map(([, value]) => value))
  const bars = rows.map(([name, value], at) => {
    const y = 40 + 26 * at
    const width = Math.max(1, 330 * value / most)
    const colour = name.startsWith("effect-llm-stream") ? "#3b82f6" : "#9ca3af"
    return `  <text x="240" y="${y + 14}" text-anchor="end">${escaped(name)}</text>
  <rect x="250" y="${y}" width="${width.toFixed(1)}" height="18" rx="2" fill="${colour}"/>
  <text x="${(256 + width).toFixed(1)}" y="${y + 14}">${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 ${52 + 26 * rows.length}" width="660" role="img">
  <style>text { font: 13px sans-serif; fill: #6b7280 } .title { font-weight: bold }</style>
  <text class="title" x="10" y="22">${escaped(title)}: less is better</text>
${bars.join("\n")}
</svg>
`
}
