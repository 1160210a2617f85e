package org.dmtcp.akka.it;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Waiting for a state, never for a time. */
final class Wait {
  private static final long POLL_MILLIS = 10;

  /** What is asked again and again. */
  interface Question<T> {
    T ask() throws IOException;
  }

  private Wait() {}

  /** Lets something happen that cannot be waited for. */
  static void millis(long time) {
    try {
      TimeUnit.MILLISECONDS.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e); // a test's own limit
    }
  }

  /**
   * Asks again and again until the answer is right.
   *
   * @param otherwise what the failure says when it does not become so
   */
  static <T> T until(
      Duration limit, Question<T> question, Predicate<T> right, Supplier<String> otherwise)
      throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (true) {
      T answer = question.ask();
      if (right.test(answer)) {
        return answer;
      }
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("not within " + limit + ": " + otherwise.get());
      }
      millis(POLL_MILLIS);
    }
  }
}
