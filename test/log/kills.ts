/** What the process that is killed and the test have in common. */
export const lease = "600 millis"
export const request = { model: "gpt-4o-mini", prompt: "Count" }
