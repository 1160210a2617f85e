package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An MPI job of four ranks, one on each of four hosts, started over ssh: killed in mid-run, back with
 * every process on another host than before, killed again, back on the same: the right answer.
 * {@code -Ddmtcp.it.mpi=all}: every kernel, MPI and account.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MpiHostsIT extends HostsFixture {
  private static final boolean ALL = System.getProperty("dmtcp.it.mpi", "").equals("all");
  private static final List<String> NAMES = List.of("alpha", "beta", "gamma", "delta");
  private static final Pattern RANK =
      Pattern.compile(", kernel\\[\\d+:(\\d+)\\]@([^\\s,]+), ([^\\s,]+),");
  private static final Pattern TABLE =
      Pattern.compile("\nhost_table='\n(.*?)'\n", Pattern.DOTALL);

  static List<MpiCase> cases() {
    if (!ALL) {
      return List.of(
          new MpiCase("transpose", "openmpi", Account.ROOT),
          new MpiCase("reduction", "openmpi", Account.PLAIN),
          new MpiCase("halo", "mpich", Account.PLAIN));
    }
    return MpiCase.all(List.of(Account.PLAIN, Account.ROOT));
  }

  @AfterAll
  static void writeTable() throws IOException {
    SupportTable.write();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void endsWithTheRightAnswer(MpiCase c) throws IOException {
    Skip.unlessInstalled("mpirun." + c.flavour());
    open(c.account(), 7797, NAMES.toArray(String[]::new));
    boolean passed = false;
    try {
      build(c);
      job.startCoordinator();
      start(c.flavour());
      awaitTicks(1);
      job.mustCheckpoint(); // and looks for those that orted and hydra have started elsewhere
      Map<String, String> first = hostsOfRanks();
      comeBack("--hostfile", rotatedHosts());
      Map<String, String> moved = hostsOfRanks();
      moved.forEach((rank, host) -> assertNotEquals(first.get(rank), host, rank));
      comeBack();
      assertEquals(moved, hostsOfRanks());
      askOneRank();
      // Not for the end: MPICH 4.0.2 may wait for ever in MPI_Finalize, without any checkpoint, too.
      job.await("job.out", "\nok");
      passed = true;
    } finally {
      SupportTable.add("MPI, a rank on each of four hosts", c.flavour() + ", " + c.kernel(),
          c.account(), passed);
    }
  }

  private void build(MpiCase c) throws IOException {
    Path program = network.shared().resolve("kernel");
    Path source = Tree.SOURCE.resolve("it/mpi/" + c.kernel() + ".c");
    Outcome built = Command.run(Session.LIMIT, "mpicc." + c.flavour(), "-O2", "-o",
        program.toString(), source.toString());
    assertEquals(0, built.status(), built.text());
  }

  /**
   * As a user of such a cluster starts it: over TCP, there is nothing faster. Waiting ranks look all
   * the time whether something has come; all hosts here share the processors of one.
   */
  private void start(String flavour) throws IOException {
    List<String> words = new ArrayList<>(List.of("dmtcp_launch", "--ckptdir",
        network.shared().toString(), "mpirun." + flavour));
    String hosts = String.join(",", NAMES);
    if (flavour.equals("openmpi")) {
      job.seat().set("OMPI_ALLOW_RUN_AS_ROOT", "1").set("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
      words.addAll(List.of("--host", hosts, "--mca", "btl", "tcp,self"));
      // Files of its session, which other hosts have to find.
      words.addAll(List.of("--mca", "orte_tmpdir_base", network.shared().toString()));
    } else {
      words.addAll(List.of("-hosts", hosts, "-genv", "UCX_TLS", "tcp,self"));
    }
    words.addAll(List.of("-np", "4", "nice", "-n", "19", "./kernel"));
    job.seat().start("job", words.toArray(String[]::new));
  }

  /** Checkpoint, kill, and restart: on the hosts of before, or as the options say. */
  private void comeBack(String... options) throws IOException {
    int before = ticks();
    awaitTicks(before + 1);
    job.checkpointAndKill();
    before = ticks();
    job.restart(options);
    awaitTicks(before + 1);
  }

  /** One host on in the table of the restart script, so that nobody stays where he was. */
  private String rotatedHosts() throws IOException {
    Matcher table =
        TABLE.matcher(Files.readString(network.shared().resolve("dmtcp_restart_script.sh")));
    assertTrue(table.find(), "a table of hosts");
    List<String> hosts = new ArrayList<>(
        table.group(1).lines().map(line -> line.split("\\s+")[1]).toList());
    Collections.rotate(hosts, -1);
    return job.hostfile(hosts.toArray(String[]::new));
  }

  /** By the rank's unique pid, which it keeps; each on a host of its own. */
  private Map<String, String> hostsOfRanks() throws IOException {
    Map<String, String> found = new TreeMap<>();
    String list = job.list();
    Matcher ranks = RANK.matcher(list);
    while (ranks.find()) {
      found.put(ranks.group(3), ranks.group(2));
    }
    assertEquals(Set.copyOf(NAMES), Set.copyOf(found.values()), list);
    return found;
  }

  private void askOneRank() throws IOException {
    Matcher ranks = RANK.matcher(job.list());
    assertTrue(ranks.find(), "no rank");
    network.host(ranks.group(2)).must("kill", "-USR1", ranks.group(1));
  }

  private int ticks() throws IOException {
    String text = job.read("job.out");
    assertFalse(text.contains("bad: "), () -> text + job.complaints());
    return (int) text.lines().filter(line -> line.startsWith("tick")).count();
  }

  private void awaitTicks(int count) throws IOException {
    Wait.until(HostNetwork.LIMIT, this::ticks, n -> n >= count,
        () -> count + " ticks" + job.complaints());
  }
}
