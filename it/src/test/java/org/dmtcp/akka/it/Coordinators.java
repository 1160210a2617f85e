package org.dmtcp.akka.it;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Coordinators that tests take turns in using: as many as tests run at the same time. One that
 * served a failed test is not used again.
 */
final class Coordinators {
  private static final Map<String, Deque<Coordinator>> IDLE = new HashMap<>();

  private Coordinators() {}

  static Coordinator borrow(Account account) throws IOException {
    Coordinator idle;
    synchronized (IDLE) {
      idle = IDLE.computeIfAbsent(account.name(), name -> new ArrayDeque<>()).poll();
    }
    return idle == null ? Coordinator.start(account) : idle;
  }

  static void giveBack(Coordinator coordinator) {
    synchronized (IDLE) {
      IDLE.get(coordinator.account().name()).push(coordinator);
    }
  }

  /** At the end of the run, before what they need goes. A second caller waits for the first. */
  static void closeAll() {
    synchronized (IDLE) {
      IDLE.values().forEach(all -> {
        while (!all.isEmpty()) {
          close(all.pop());
        }
      });
    }
  }

  private static void close(Coordinator coordinator) {
    try {
      coordinator.close();
    } catch (IOException e) {
      System.err.println("coordinator " + coordinator.port() + ": " + e.getMessage());
    }
  }
}
