/** Runs a stream of events to its end for what it returns. */
export async function completed<T, Result>(
  events: AsyncGenerator<T, Result>,
  onEvent: (event: T) => void = () => {},
): Promise<Result> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
    onEvent(value);
  }
}
