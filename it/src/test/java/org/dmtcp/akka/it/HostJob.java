package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A computation over the hosts of a network: one victim on each, a coordinator on one of them. The
 * victims' output is in {@code <host>.out} of the shared directory.
 */
final class HostJob {
  private static final Pattern WORKER =
      Pattern.compile("\\[\\d+:(\\d+)\\]@(\\S+), .*RUNNING");

  private final HostNetwork network;
  private final String port;
  private Host seat;

  /** @param seat host of the coordinator */
  HostJob(HostNetwork network, String seat, int port) {
    this.network = network;
    this.port = String.valueOf(port);
    moveTo(seat);
  }

  /** From now on the coordinator is there, and all commands look for it there. */
  void moveTo(String host) {
    seat = network.host(host);
    for (Host each : network.hosts()) {
      each.set("DMTCP_COORD_HOST", host).set("DMTCP_COORD_PORT", port);
    }
  }

  Host seat() {
    return seat;
  }

  void startCoordinator(String... options) throws IOException {
    String[] words = Stream.concat(
            Stream.of("dmtcp_coordinator", "--daemon", "--coord-logfile",
                network.shared().resolve("coordinator.log").toString()),
            Stream.of(options))
        .toArray(String[]::new);
    seat.must(words);
  }

  /** One victim on each, whose images go to {@code checkpointDir}. */
  void launch(String victim, String checkpointDir, List<Host> hosts) throws IOException {
    for (Host host : hosts) {
      host.start(host.name(), "dmtcp_launch", "--ckptdir", checkpointDir, Tree.victim(victim));
    }
    for (Host host : hosts) {
      await(host.name() + ".out", "ready");
    }
    awaitPeers(hosts.size());
  }

  String read(String file) throws IOException {
    Path path = network.shared().resolve(file);
    return Files.exists(path) ? Files.readString(path) : "";
  }

  void await(String file, String text) throws IOException {
    Wait.until(HostNetwork.LIMIT, () -> read(file), s -> s.contains(text),
        () -> text + " in " + file + ": " + read2(file) + complaints());
  }

  private String read2(String file) {
    try {
      return read(file);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** What everybody has written, for a test that fails: its directory does not outlive it. */
  String complaints() {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.walk(network.shared())) {
      files.filter(Files::isRegularFile)
          .filter(file -> file.toString().matches(".*(\\.err|\\.out|\\.log|log\\..*)"))
          .sorted()
          .forEach(file -> all.append("\n--- ").append(network.shared().relativize(file))
              .append('\n').append(read2(file.toString())));
    } catch (IOException | UncheckedIOException e) {
      all.append(e);
    }
    return all.toString();
  }

  void awaitPeers(int count) throws IOException {
    Wait.until(
        HostNetwork.LIMIT,
        () -> seat.run("dmtcp_command", "-s").out(),
        s -> s.contains("NUM_PEERS=" + count + "\n") && s.contains("RUNNING=yes"),
        () -> count + " peers" + complaints());
  }

  void awaitNobody() throws IOException {
    Wait.until(
        HostNetwork.LIMIT,
        () -> seat.run("dmtcp_command", "-s"),
        s -> s.out().contains("NUM_PEERS=0\n") || s.status() == 2,
        () -> "nobody left" + complaints());
  }

  Outcome checkpoint() throws IOException {
    return seat.run("dmtcp_command", "-bc");
  }

  void mustCheckpoint() throws IOException {
    Outcome outcome = checkpoint();
    assertEquals(0, outcome.status(), outcome.text() + complaints());
  }

  /** All end while they stand still: nobody sees anybody else go. */
  void checkpointAndKill() throws IOException {
    seat.must("dmtcp_command", "-kc");
    awaitNobody();
  }

  void kill() throws IOException {
    seat.must("dmtcp_command", "-k");
    awaitNobody();
  }

  /** {@code dmtcp_restart_script.sh} on the coordinator's host. */
  Job restart(String... options) throws IOException {
    String[] words = Stream.concat(
            Stream.of(network.shared().resolve("dmtcp_restart_script.sh").toString()),
            Stream.of(options))
        .toArray(String[]::new);
    return seat.start("restart", words);
  }

  /** For {@code --hostfile}: these, a line each, in place of those of the script's table. */
  String hostfile(String... hosts) throws IOException {
    return Files.writeString(
        network.shared().resolve("hostfile"), String.join("\n", hosts) + "\n").toString();
  }

  String list() throws IOException {
    return seat.must("dmtcp_command", "-l");
  }

  /** Every victim that runs is asked whether all is well with it, and ends. */
  void finish(int count) throws IOException {
    String list = list();
    assertEquals(count, askAll(), () -> list + complaints());
    awaitNobody();
  }

  /** The first half of that; returns how many there are. */
  int askAll() throws IOException {
    String list = list();
    Matcher workers = WORKER.matcher(list);
    int asked = 0;
    while (workers.find()) {
      // One may end with another that has been asked already.
      network.host(workers.group(2)).run("kill", "-USR1", workers.group(1));
      asked++;
    }
    return asked;
  }

  /** The last word of the victim that was launched there. */
  void mustBeOk(Host host) throws IOException {
    await(host.name() + ".out", "\nok");
  }
}
