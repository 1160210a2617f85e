package org.dmtcp.akka.config;

import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** Passes on a message at once, and of those that come soon after it only how many they were. */
public final class Seldom implements Consumer<String> {
  private final Consumer<String> log;
  private final long pauseNanos;
  private final LongSupplier nanoTime;
  private long last;
  private long left;
  private boolean begun;

  /** @param pause without a message */
  public Seldom(Consumer<String> log, Duration pause) {
    this(log, pause, System::nanoTime);
  }

  Seldom(Consumer<String> log, Duration pause, LongSupplier nanoTime) {
    this.log = log;
    this.pauseNanos = pause.toNanos();
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized void accept(String message) {
    long now = nanoTime.getAsLong();
    if (begun && now - last < pauseNanos) {
      left++;
      return;
    }
    log.accept(left > 0 ? message + " (and " + left + " more since the last message)" : message);
    begun = true;
    last = now;
    left = 0;
  }
}
