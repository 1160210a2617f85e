package org.dmtcp.akka.coordinator;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.ImageInfo;
import org.dmtcp.akka.protocol.ProcessInfo;
import org.dmtcp.akka.protocol.WorkerState;

/** What the coordinator answers about what it knows. */
final class Replies {
  private Replies() {}

  /** @param phase of a round, {@code restart}, or empty */
  static CoordinatorReply status(Computation now, String phase, CoordinatorSettings settings) {
    return new CoordinatorReply.Status(
        settings.host(),
        settings.address(),
        settings.port(),
        now.peers(),
        phase.isEmpty() && now.peers() > 0 && !now.ending(),
        now.interval(),
        settings.exitOnLast(),
        settings.killAfterCheckpoint(),
        now.id(),
        settings.checkpointDir().toString(),
        now.generation(),
        phase,
        now.lastFailure());
  }

  static CoordinatorReply workers(Computation now, String phase) {
    WorkerState shown =
        switch (phase) {
          case "" -> WorkerState.RUNNING;
          case "prepare" -> WorkerState.PRESUSPEND;
          case "freeze", "match", "drain" -> WorkerState.SUSPENDED;
          case "restart" -> WorkerState.RESTARTING;
          case "commit" -> WorkerState.CHECKPOINTED;
          default -> WorkerState.CHECKPOINTING;
        };
    List<ProcessInfo> processes = now.processes().stream().map(p -> p.withState(shown)).toList();
    return new CoordinatorReply.Workers(processes, phase);
  }

  static CoordinatorReply generations(GenerationStore store, String host) {
    try {
      return new CoordinatorReply.Generations(store.list(host));
    } catch (IOException e) {
      return new CoordinatorReply.Refused(FileFailures.of(e, store));
    }
  }

  static CoordinatorReply done(CheckpointRound.Committed c) {
    List<String> paths = c.manifest().images().stream().map(ImageInfo::path).toList();
    return new CoordinatorReply.CheckpointDone(
        paths.size(),
        c.manifest().generation(),
        paths,
        c.stoppedMicros(),
        String.join("; ", c.warnings()));
  }

  /** The same for the person at the terminal. */
  static List<String> notes(CheckpointRound.Committed c) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "Checkpoint " + c.manifest().generation() + ": " + c.manifest().images().size()
            + " process(es), stopped for " + c.stoppedMicros() / 1000 + " ms"
            + c.script().map(path -> "; restart with " + path).orElse(""));
    c.warnings().forEach(warning -> lines.add("WARNING: " + warning));
    return lines;
  }
}
