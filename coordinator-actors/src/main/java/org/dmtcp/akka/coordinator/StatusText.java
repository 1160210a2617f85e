package org.dmtcp.akka.coordinator;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.dmtcp.akka.protocol.CoordinatorReply;
import org.dmtcp.akka.protocol.CoordinatorReply.Status;
import org.dmtcp.akka.protocol.CoordinatorReply.Workers;
import org.dmtcp.akka.protocol.ProcessInfo;

/** What the console shows, in the words that scripts look for. */
final class StatusText {
  private StatusText() {}

  /** What is known before anybody has connected: of the status file. */
  static String heading(CoordinatorSettings s) {
    return "Status...\nHost: " + s.host() + " (" + s.address() + ")\nPort: " + s.port()
        + "\nCheckpoint Interval: " + interval(s.interval());
  }

  static String status(Status s) {
    return "Status...\nHost: " + s.host() + " (" + s.address() + ")"
        + "\nPort: " + s.port()
        + "\nCheckpoint Interval: " + interval(s.interval())
        + "\nExit on last client: " + flag(s.exitOnLast())
        + "\nKill after checkpoint: " + flag(s.killAfterCheckpoint())
        + "\nComputation Id: " + s.computationId()
        + "\nCheckpoint Dir: " + s.checkpointDir()
        + "\nNUM_PEERS=" + s.peers()
        + "\nRUNNING=" + (s.running() ? "yes" : "no")
        + (s.phase().isEmpty() ? "" : "\nPHASE=" + s.phase())
        + (s.lastFailure().isEmpty() ? "" : "\nLast checkpoint failed: " + s.lastFailure())
        + "\n";
  }

  static String interval(Duration interval) {
    return interval.isZero()
        ? "disabled (checkpoint manually instead)"
        : String.valueOf(interval.toSeconds());
  }

  static String workers(Workers workers) {
    StringBuilder out = new StringBuilder("Client List:\n");
    out.append("#, PROG[virtPID:realPID]@HOST, DMTCP-UNIQUEPID, STATE, BARRIER\n");
    List<ProcessInfo> all = workers.workers();
    for (int i = 0; i < all.size(); i++) {
      ProcessInfo p = all.get(i);
      out.append(i + 1).append(", ").append(plain(p.program())).append('[').append(p.virtualPid())
          .append(':').append(p.id().realPid()).append("]@").append(p.id().host()).append(", ")
          .append(p.uniquePid()).append(", ").append("WorkerState::").append(p.state())
          .append(", ").append(workers.barrier()).append('\n');
    }
    return out.toString();
  }

  /** A program may call itself anything; it stays on one line, and the terminal does not obey it. */
  private static String plain(String name) {
    return name.replaceAll("\\p{Cc}", "?");
  }

  /** {@code Checkpoint: write, 1.5 of 4.0 GiB, 512.0 MiB/s, 5 s left; slowest: ...}. */
  static String progress(CoordinatorReply.Progress p) {
    StringBuilder out = new StringBuilder("Checkpoint: ").append(p.phase());
    double seconds = p.elapsed().toMillis() / 1000.0;
    if (p.rawBytes() > 0 && seconds > 0) {
      double rate = p.doneBytes() / seconds;
      out.append(", ").append(size(p.doneBytes())).append(" of ").append(size(p.rawBytes()))
          .append(", ").append(size((long) rate)).append("/s");
      if (rate > 0) {
        out.append(", ").append((long) Math.ceil((p.rawBytes() - p.doneBytes()) / rate))
            .append(" s left");
      }
    }
    return out.append(p.slowest().isEmpty() ? "" : "; slowest: " + plain(p.slowest())).toString();
  }

  private static String size(long bytes) {
    return bytes < 1L << 30
        ? String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0)
        : String.format(Locale.ROOT, "%.1f GiB", bytes / 1073741824.0);
  }

  static String hosts(Workers workers) {
    Map<String, Long> counts =
        workers.workers().stream()
            .collect(
                Collectors.groupingBy(p -> p.id().host(), TreeMap::new, Collectors.counting()));
    StringBuilder out = new StringBuilder("Host List:\nHOST => # connected clients\n");
    counts.forEach((host, n) -> out.append(host).append(" => ").append(n).append('\n'));
    return out.toString();
  }

  private static int flag(boolean value) {
    return value ? 1 : 0;
  }
}
