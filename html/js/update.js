// The form beside the chat that posts an update for everyone.

import { $, clock, plain, say } from "./dom.js";
import { post, regret } from "./keys.js";

export function updateForm() {
  const input = $("update-text");
  const button = $("update-send");
  let isSending = false;

  async function send(words) {
    isSending = true;
    button.disabled = true;
    say($("update-note"), "Handing it in …");
    try {
      const { answer, since } = await post("/new-update-and-broadcast", { message: words });
      say($("update-note"), since
        ? `It was accepted at ${clock(since)} already, and is read out once.`
        : `Accepted (${answer.status}) at once; everyone here reads it in a few seconds.`);
      if (plain(input.value) === words) input.value = "";
    } catch (error) {
      say($("update-note"), regret(error, "Send the same again: it is never read out twice."));
    }
    isSending = false;
    button.disabled = false;
  }

  $("update-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = plain(input.value);
    if (words && !isSending) send(words);
  });
  button.disabled = false;
}
