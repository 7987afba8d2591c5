/**
 * Questions to a store that many requests put at once: those that come while the same one is under way wait for it to
 * end and are answered by the next, which is put for all of them. So nobody is told what was true before he asked.
 */

/** The same function; for one key it runs once at a time, and for all who asked before it began. */
export function shareQuestions<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const underWay = new Map<string, Promise<unknown>>();
  const coming = new Map<string, Promise<T>>();

  async function put(key: string): Promise<T> {
    // The first one waits for a turn of the event loop, in which requests arrive together.
    await (underWay.get(key) ?? new Promise((resolve) => setImmediate(resolve)));
    coming.delete(key);
    const answer = ask(key);
    const ended = answer
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        if (underWay.get(key) === ended) underWay.delete(key);
      });
    underWay.set(key, ended);
    return answer;
  }

  return (key) => {
    let answer = coming.get(key);
    if (!answer) {
      answer = put(key);
      coming.set(key, answer);
    }
    return answer;
  };
}
