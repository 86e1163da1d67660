// How a message was written: seconds since the reply was there, and pauses while typing. Sent with consent to reading only.

const PAUSE_MS = 2000;

export class Rhythm {
  #repliedAt = null;
  #lastKey = null;
  #stops = 0;

  /** The person's turn begins. */
  reply() {
    this.#repliedAt = performance.now();
    this.#lastKey = null;
    this.#stops = 0;
  }

  /** A key; `text` is what now stands in the field. */
  key(text) {
    const now = performance.now();
    if (this.#lastKey !== null && now - this.#lastKey > PAUSE_MS) this.#stops += 1;
    this.#lastKey = text ? now : null;
  }

  /** What is sent with the message. */
  measure() {
    const seconds = this.#repliedAt === null ? null : Math.round((performance.now() - this.#repliedAt) / 100) / 10;
    return { response_time_s: seconds, typing_stops: this.#stops };
  }
}
