package org.dmtcp.akka.protocol;

import java.time.Duration;
import java.util.List;

/** What the coordinator answers to a {@link CoordinatorRequest}. */
public sealed interface CoordinatorReply extends WireMessage {

  /** It was not done; nothing has changed. */
  record Refused(Failure failure) implements CoordinatorReply {}

  /** @param peers processes concerned */
  record Accepted(int peers) implements CoordinatorReply {
    public Accepted {
      Checks.atLeast(0, peers, "peers");
    }
  }

  /** @param generation last committed one, 0 for none */
  record Registered(
      String computationId,
      String uniquePid,
      String coordinatorHost,
      int coordinatorPort,
      long generation)
      implements CoordinatorReply {}

  /**
   * @param address the coordinator's host as an IP address
   * @param running all processes run: a checkpoint can be made
   * @param interval zero: no automatic checkpoints
   * @param computationId empty while there is none
   * @param generation last committed one, 0 for none
   * @param phase name of the current round's phase, {@code restart}, or empty
   * @param lastFailure why the last round failed, empty if it did not
   */
  record Status(
      String host,
      String address,
      int port,
      int peers,
      boolean running,
      Duration interval,
      boolean exitOnLast,
      boolean killAfterCheckpoint,
      String computationId,
      String checkpointDir,
      long generation,
      String phase,
      String lastFailure)
      implements CoordinatorReply {}

  /** @param barrier the phase at which the processes wait, empty when they run */
  record Workers(List<ProcessInfo> workers, String barrier) implements CoordinatorReply {
    public Workers {
      workers = List.copyOf(workers);
    }
  }

  record CheckpointStarted(int peers) implements CoordinatorReply {}

  /**
   * The generation is committed.
   *
   * @param images paths
   * @param stoppedMicros the longest time that a node's processes stood still
   * @param warning something after the commit that went wrong, empty if nothing did
   */
  record CheckpointDone(
      int peers, long generation, List<String> images, long stoppedMicros, String warning)
      implements CoordinatorReply {
    public CheckpointDone {
      images = List.copyOf(images);
    }
  }

  /**
   * How far the present round is.
   *
   * @param phase empty: there is none
   * @param doneBytes of the {@code rawBytes} that are to be written, as far as known
   * @param slowest the process with most before it, empty if not known
   */
  record Progress(String phase, Duration elapsed, long doneBytes, long rawBytes, String slowest)
      implements CoordinatorReply {}

  /** What the coordinator's checkpoint directory holds, oldest first. */
  record Generations(List<GenerationInfo> generations) implements CoordinatorReply {
    public Generations {
      generations = List.copyOf(generations);
    }
  }

  record IntervalChanged(Duration interval) implements CoordinatorReply {}

  record RestartBegun(String restartId) implements CoordinatorReply {}

  /** @param missing members that are awaited, each {@code <uniquePid> (<program>@<host>)} */
  record RestartWaiting(List<String> missing) implements CoordinatorReply {
    public RestartWaiting {
      missing = List.copyOf(missing);
    }
  }

  /**
   * @param names those that are published
   * @param missing those that are not, and perhaps never will be
   */
  record NamesResolved(List<NameValue> names, List<String> missing) implements CoordinatorReply {
    public NamesResolved {
      names = List.copyOf(names);
      missing = List.copyOf(missing);
    }
  }

  /** Everything is there: let the processes run. */
  record RestartGo(String restartId) implements CoordinatorReply {}

  /**
   * @param response {@code success}, {@code invalid-request}, {@code db-not-found} or {@code
   *     key-not-found}
   * @param value before the request, "0" if there was none
   */
  record KeyValue(String response, String value) implements CoordinatorReply {}

  /** All have come. */
  record BarrierOpened(String name) implements CoordinatorReply {}
}
