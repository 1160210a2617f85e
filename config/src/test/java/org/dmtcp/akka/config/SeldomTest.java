package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SeldomTest {
  @Test
  void countsWhatItDoesNotPassOn() {
    List<String> said = new ArrayList<>();
    long[] time = {-5};
    Seldom seldom = new Seldom(said::add, Duration.ofNanos(10), () -> time[0]);
    seldom.accept("a");
    seldom.accept("b");
    time[0] = 4;
    seldom.accept("c");
    assertEquals(List.of("a"), said);

    time[0] = 5;
    seldom.accept("d");
    assertEquals(List.of("a", "d (and 2 more since the last message)"), said);
  }
}
